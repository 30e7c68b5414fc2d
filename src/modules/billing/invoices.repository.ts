import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';
import { invoiceNotFound } from './billing.errors.js';
import { Invoice } from './invoice.entity.js';

export type NewInvoice = Pick<
  Invoice,
  | 'tenant_id'
  | 'provider'
  | 'key'
  | 'reason'
  | 'status'
  | 'currency'
  | 'amount_due'
  | 'amount_paid'
  | 'lines'
  | 'period_start'
  | 'period_end'
> &
  Partial<Invoice>;

export type InvoiceFilter = Partial<Pick<Invoice, 'status'> & { subscription_id: string }>;

const EMPTY = {
  subscription_id: null,
  external_subscription_id: null,
  external_id: null,
  number: null,
  payment_failed: false,
  attempt_count: 0,
  due_at: null,
  paid_at: null,
  hosted_url: null,
};

@Injectable()
export class InvoicesRepository {
  insert(tx: Transaction, invoice: NewInvoice): Promise<Invoice> {
    const repository = tx.getRepository(Invoice);
    return repository.save(repository.create({ id: newId('invoice'), ...EMPTY, ...invoice }));
  }

  save(tx: Transaction, invoice: Invoice): Promise<Invoice> {
    return tx.getRepository(Invoice).save(invoice);
  }

  async get(tx: Transaction, tenantId: string, id: string): Promise<Invoice> {
    const found = await tx.getRepository(Invoice).findOneBy({ tenant_id: tenantId, id });
    if (!found) throw invoiceNotFound(id);
    return found;
  }

  /** Of any tenant, locked until the transaction ends. */
  async lock(tx: Transaction, id: string): Promise<Invoice> {
    const found = await tx
      .getRepository(Invoice)
      .findOne({ where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!found) throw invoiceNotFound(id);
    return found;
  }

  byExternalId(tx: Transaction, externalId: string): Promise<Invoice | null> {
    return tx.getRepository(Invoice).findOneBy({ external_id: externalId });
  }

  async exists(tx: Transaction, tenantId: string, key: string): Promise<boolean> {
    return tx.getRepository(Invoice).existsBy({ tenant_id: tenantId, key });
  }

  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    filter: InvoiceFilter = {},
  ): Promise<Page<Invoice>> {
    const [items, total] = await tx.getRepository(Invoice).findAndCount({
      where: { tenant_id: tenantId, ...filter },
      order: { created_at: 'DESC', id: 'DESC' },
      skip: offsetOf(request),
      take: request.limit,
    });
    return new Page(items, total, request.page, request.limit);
  }

  /** The next number of the year: without gaps, so invoices of one year are numbered one after the other. */
  async nextNumber(tx: Transaction, year: number): Promise<string> {
    const [row] = await tx.query(
      `INSERT INTO invoice_numbers (year, last) VALUES ($1, 1)
       ON CONFLICT (year) DO UPDATE SET last = invoice_numbers.last + 1 RETURNING last`,
      [year],
    );
    return `VF-${year}-${String(row.last).padStart(6, '0')}`;
  }

  /** Subscriptions of the built-in provider with an open invoice that was due before `now`. */
  async overdueSubscriptions(tx: Transaction, now: Date): Promise<{ id: string; tenant_id: string }[]> {
    return tx.query(
      `SELECT DISTINCT s.id, s.tenant_id FROM invoices i
       JOIN subscriptions s ON (s.tenant_id, s.id) = (i.tenant_id, i.subscription_id)
       WHERE i.status = 'open' AND i.provider = 'builtin' AND i.due_at <= $1 AND s.status = 'active' LIMIT 100`,
      [now],
    );
  }

  /** @param subscriptionId null: of any subscription of the built-in provider */
  async hasOverdue(
    tx: Transaction,
    tenantId: string,
    subscriptionId: string | null,
    now: Date,
  ): Promise<boolean> {
    const rows = await tx.query(
      `SELECT 1 FROM invoices WHERE tenant_id = $1 AND provider = 'builtin' AND ($2::text IS NULL OR subscription_id = $2)
         AND status = 'open' AND due_at <= $3 LIMIT 1`,
      [tenantId, subscriptionId, now],
    );
    return rows.length > 0;
  }

  /** Whether a payment for this subscription of Stripe's failed and is still wanted. */
  async hasFailed(tx: Transaction, externalSubscriptionId: string): Promise<boolean> {
    const rows = await tx.query(
      `SELECT 1 FROM invoices WHERE external_subscription_id = $1 AND status = 'open' AND payment_failed LIMIT 1`,
      [externalSubscriptionId],
    );
    return rows.length > 0;
  }

  /** Invoices that came before their subscription are given to it. */
  async adopt(tx: Transaction, tenantId: string, externalSubscriptionId: string, subscriptionId: string) {
    await tx.query(
      `UPDATE invoices SET subscription_id = $3
       WHERE tenant_id = $1 AND external_subscription_id = $2 AND subscription_id IS NULL`,
      [tenantId, externalSubscriptionId, subscriptionId],
    );
  }
}
