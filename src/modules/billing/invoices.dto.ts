import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { IsLine, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import { INVOICE_STATUSES, type InvoiceStatus, type ProviderName } from './billing.types.js';
import type { Invoice } from './invoice.entity.js';

export class InvoiceLineResponse {
  /** @example Basic */
  description: string;
  /** @example 1 */
  quantity: number;
  /**
   * Minor units (cents); negative for a credit.
   * @example 999
   */
  amount: number;
  /** @example 2026-06-01T00:00:00.000Z */
  period_start: string;
  /** @example 2026-07-01T00:00:00.000Z */
  period_end: string;
}

export class InvoiceResponse {
  /** @example invoice_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** @example VF-2026-000001 */
  number: string | null;
  /** @example sub_01jz3k5v8hf0vbn2x4q6t8w0ya */
  subscription_id: string | null;
  /** @example open */
  status: InvoiceStatus;
  /**
   * Why it was issued: `subscription_create`, `subscription_cycle`, `subscription_update`, `usage`, or Stripe's word.
   * @example subscription_cycle
   */
  reason: string;
  /**
   * Minor units (cents): the sum of the lines.
   * @example 999
   */
  amount_due: number;
  /**
   * Minor units (cents).
   * @example 0
   */
  amount_paid: number;
  /** @example USD */
  currency: string;
  lines: InvoiceLineResponse[];
  /** @example 2026-06-01T00:00:00.000Z */
  period_start: string;
  /** @example 2026-07-01T00:00:00.000Z */
  period_end: string;
  /** @example 2026-06-15T00:00:00.000Z */
  due_at: string | null;
  /** When it was paid. */
  paid_at: string | null;
  /** @example builtin */
  provider: ProviderName;
  /** Stripe's page of the invoice; null for the built-in billing. */
  hosted_invoice_url: string | null;
  /** @example 2026-06-01T00:00:00.000Z */
  created_at: string;

  static from(invoice: Invoice): InvoiceResponse {
    return {
      id: invoice.id,
      tenant_id: invoice.tenant_id,
      number: invoice.number,
      subscription_id: invoice.subscription_id,
      status: invoice.status,
      reason: invoice.reason,
      amount_due: invoice.amount_due,
      amount_paid: invoice.amount_paid,
      currency: invoice.currency,
      lines: invoice.lines,
      period_start: invoice.period_start.toISOString(),
      period_end: invoice.period_end.toISOString(),
      due_at: invoice.due_at?.toISOString() ?? null,
      paid_at: invoice.paid_at?.toISOString() ?? null,
      provider: invoice.provider,
      hosted_invoice_url: invoice.hosted_url,
      created_at: invoice.created_at.toISOString(),
    };
  }
}

export class InvoiceListQuery extends PageQuery {
  @ApiPropertyOptional({ enum: INVOICE_STATUSES, example: 'open' })
  @MayBeAbsent()
  @IsIn(INVOICE_STATUSES)
  status?: InvoiceStatus;

  /** @example sub_01jz3k5v8hf0vbn2x4q6t8w0ya */
  @MayBeAbsent()
  @IsLine(100)
  subscription_id?: string;
}

export class InvoiceQuery {
  @ApiPropertyOptional({
    description: '`html` is a page to print; without it the `Accept` header decides',
    enum: ['json', 'html'],
    example: 'json',
  })
  @MayBeAbsent()
  @IsIn(['json', 'html'])
  format?: 'json' | 'html';
}
