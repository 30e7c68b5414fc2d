import { Injectable } from '@nestjs/common';
import { DAY_MS } from '../../common/durations.js';
import { formatMoney } from '../../common/money.js';
import type { Transaction } from '../../platform/database/index.js';
import { BillingAccountsRepository } from './accounts.repository.js';
import type { InvoiceLine, Period } from './billing.types.js';
import { HistoryRepository, invoiceStep } from './history.repository.js';
import type { Invoice } from './invoice.entity.js';
import { InvoicesRepository } from './invoices.repository.js';
import { creditLine, sumOf } from './proration.js';
import type { Subscription } from './subscription.entity.js';

/** Days from an invoice of the built-in billing to the day that it must be paid. */
export const PAYMENT_DAYS = 14;

export interface InvoiceDraft {
  subscription: Subscription;
  /** What it is for; a second invoice with the same key is not made. */
  key: string;
  reason: string;
  lines: InvoiceLine[];
  period: Period;
}

/** Invoices of the built-in provider. */
@Injectable()
export class Invoicing {
  constructor(
    private readonly invoices: InvoicesRepository,
    private readonly accounts: BillingAccountsRepository,
    private readonly history: HistoryRepository,
  ) {}

  /**
   * Issues an invoice whose lines add up to what is due. What is owed to the tenant becomes credit, and credit pays
   * for later invoices. Nothing is issued without lines, or twice for one key.
   */
  async issue(tx: Transaction, draft: InvoiceDraft, now: Date): Promise<Invoice | null> {
    const { subscription, period } = draft;
    const tenantId = subscription.tenant_id;
    const key = `${subscription.id}:${draft.key}`;
    if (!draft.lines.length || (await this.invoices.exists(tx, tenantId, key))) return null;
    const lines = await this.settleCredit(tx, tenantId, draft.lines, now);
    const due = sumOf(lines);
    const invoice = await this.invoices.insert(tx, {
      tenant_id: tenantId,
      subscription_id: subscription.id,
      provider: 'builtin',
      key,
      number: await this.invoices.nextNumber(tx, now.getUTCFullYear()),
      reason: draft.reason,
      status: due === 0 ? 'paid' : 'open',
      currency: subscription.currency,
      amount_due: due,
      amount_paid: 0,
      lines,
      period_start: period.start,
      period_end: period.end,
      created_at: now,
      due_at: new Date(now.getTime() + PAYMENT_DAYS * DAY_MS),
      paid_at: due === 0 ? now : null,
    });
    await this.note(tx, invoice, 'issued', `Invoice ${invoice.number} over ${this.show(invoice)}`);
    return invoice;
  }

  /** Whether the tenant owes for this or an earlier subscription: nobody begins anew while it does. */
  isOverdue(tx: Transaction, tenantId: string, now: Date): Promise<boolean> {
    return this.invoices.hasOverdue(tx, tenantId, null, now);
  }

  /** A payment that the operator saw arrive. */
  async markPaid(tx: Transaction, invoice: Invoice, now: Date): Promise<Invoice> {
    Object.assign(invoice, { status: 'paid', amount_paid: invoice.amount_due, paid_at: now });
    const saved = await this.invoices.save(tx, invoice);
    await this.note(tx, saved, 'paid', `Invoice ${saved.number} over ${this.show(saved)} was paid`);
    return saved;
  }

  private async settleCredit(tx: Transaction, tenantId: string, lines: InvoiceLine[], now: Date) {
    const { credit } = await this.accounts.lock(tx, tenantId);
    const total = sumOf(lines);
    const used = Math.min(credit, Math.max(total, 0));
    const gained = Math.max(-total, 0);
    if (used === 0 && gained === 0) return lines;
    await this.accounts.setCredit(tx, tenantId, credit - used + gained);
    const carried = gained > 0 ? [creditLine('Credit carried forward', gained, now)] : [];
    const applied = used > 0 ? [creditLine('Credit applied', -used, now)] : [];
    return [...lines, ...carried, ...applied];
  }

  private show(invoice: Invoice): string {
    return formatMoney({ amount: invoice.amount_due, currency: invoice.currency });
  }

  private async note(tx: Transaction, invoice: Invoice, step: string, description: string): Promise<void> {
    await this.history.add(tx, invoiceStep(invoice, step, `${invoice.id}:${step}`, description));
  }
}
