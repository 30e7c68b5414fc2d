import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';
import type { Invoice } from './invoice.entity.js';

export interface HistoryEntry {
  tenantId: string;
  /** What happened, so that it is written once: the subscription or invoice and the step. */
  key: string;
  /** Dotted, past tense: `subscription.created`, `invoice.paid`. */
  type: string;
  description: string;
  /** Minor units; null when no money is concerned. */
  amount?: number | null;
  currency?: string | null;
  subscriptionId?: string | null;
  invoiceId?: string | null;
}

export interface HistoryRow {
  id: string;
  at: Date;
  type: string;
  description: string;
  amount: number | null;
  currency: string | null;
  subscriptionId: string | null;
  invoiceId: string | null;
}

/** A step of an invoice; `key` tells it from the invoice's other steps. */
export const invoiceStep = (
  invoice: Invoice,
  type: string,
  key: string,
  description: string,
): HistoryEntry => ({
  tenantId: invoice.tenant_id,
  key,
  type: `invoice.${type}`,
  description,
  amount: invoice.amount_due,
  currency: invoice.currency,
  subscriptionId: invoice.subscription_id,
  invoiceId: invoice.id,
});

/** What happened to a tenant's money, one row an event; never changed. */
@Injectable()
export class HistoryRepository {
  /** Does nothing when the key is there already. @returns whether it was not */
  async add(tx: Transaction, entry: HistoryEntry): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `INSERT INTO billing_history (id, tenant_id, key, type, description, amount, currency, subscription_id, invoice_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, key) DO NOTHING RETURNING id`,
      [
        newId('event'),
        entry.tenantId,
        entry.key,
        entry.type,
        entry.description,
        entry.amount ?? null,
        entry.currency ?? null,
        entry.subscriptionId ?? null,
        entry.invoiceId ?? null,
      ],
    );
    return rows.length === 1;
  }

  /** @param type a whole type, or the part before its dot */
  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    type: string | null = null,
  ): Promise<Page<HistoryRow>> {
    const where = `tenant_id = $1 AND ($2::text IS NULL OR type = $2 OR split_part(type, '.', 1) = $2)`;
    const rows: (Omit<HistoryRow, 'amount'> & { amount: string | null })[] = await tx.query(
      `SELECT id, at, type, description, amount, currency, subscription_id AS "subscriptionId", invoice_id AS "invoiceId"
       FROM billing_history WHERE ${where} ORDER BY at DESC, id DESC LIMIT $3 OFFSET $4`,
      [tenantId, type, request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query(`SELECT count(*)::int AS n FROM billing_history WHERE ${where}`, [
      tenantId,
      type,
    ]);
    const items = rows.map((r) => ({ ...r, amount: r.amount === null ? null : Number(r.amount) }));
    return new Page(items, n, request.page, request.limit);
  }
}
