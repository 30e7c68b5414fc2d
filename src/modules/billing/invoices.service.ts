import { Injectable } from '@nestjs/common';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { BillingAccountsRepository } from './accounts.repository.js';
import { invoiceNotPayable, paidAtStripe } from './billing.errors.js';
import { BillingRecord } from './billing-record.js';
import { Entitlements } from './entitlements.service.js';
import type { Invoice } from './invoice.entity.js';
import { type InvoiceFilter, InvoicesRepository } from './invoices.repository.js';
import { Invoicing } from './invoicing.service.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** Shows invoices and takes note of those that were paid by bank transfer. */
@Injectable()
export class InvoicesService {
  constructor(
    private readonly database: Database,
    private readonly invoices: InvoicesRepository,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly accounts: BillingAccountsRepository,
    private readonly invoicing: Invoicing,
    private readonly entitlements: Entitlements,
    private readonly recorder: BillingRecord,
  ) {}

  list(tenantId: string, request: PageRequest, filter: InvoiceFilter = {}): Promise<Page<Invoice>> {
    return this.database.tenant(tenantId, (tx) => this.invoices.page(tx, tenantId, request, filter));
  }

  get(tenantId: string, id: string): Promise<{ invoice: Invoice; customer: string }> {
    return this.database.tenant(tenantId, async (tx) => ({
      invoice: await this.invoices.get(tx, tenantId, id),
      customer: await this.accounts.tenantName(tx, tenantId),
    }));
  }

  /**
   * The operator saw the money arrive. When nothing else is overdue, the tenant gets back what it had lost.
   * @throws AppError 404; 409 INVOICE_NOT_PAYABLE, PAID_AT_STRIPE
   */
  markPaid(id: string, now = new Date()): Promise<Invoice> {
    return this.database.system(async (tx) => {
      const invoice = await this.invoices.lock(tx, id);
      if (invoice.provider === 'stripe') throw paidAtStripe();
      if (invoice.status !== 'open') throw invoiceNotPayable(invoice.status);
      const paid = await this.invoicing.markPaid(tx, invoice, now);
      await this.recorder.invoicePaid(tx, paid, `Invoice ${paid.number} marked as paid`);
      if (paid.subscription_id) await this.reinstate(tx, paid.tenant_id, paid.subscription_id, now);
      return paid;
    });
  }

  private async reinstate(tx: Transaction, tenantId: string, subscriptionId: string, now: Date) {
    const subscription = await this.subscriptions.lock(tx, tenantId, subscriptionId);
    if (subscription.status !== 'past_due' && subscription.status !== 'unpaid') return;
    if (await this.invoices.hasOverdue(tx, tenantId, subscriptionId, now)) return;
    Object.assign(subscription, { status: 'active', provider_status: 'active', past_due_since: null });
    const saved = await this.subscriptions.save(tx, subscription);
    await this.recorder.standing(tx, saved, 'reinstated', 'Everything due was paid');
    await this.entitlements.apply(tx, tenantId, 'everything due was paid', now);
  }
}
