import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { Channels } from '../../platform/realtime/index.js';
import { AlertsService } from '../monitoring/index.js';
import { HistoryRepository } from './history.repository.js';
import type { Invoice } from './invoice.entity.js';
import type { Subscription } from './subscription.entity.js';

/** Name of the live channel of usage and cost. */
export const BILLING_CHANNEL = 'billing';

const OWING = ['past_due', 'unpaid'];

/**
 * Writes a step in the life of a subscription down: for the tenant's history and for the audit log. Tells live
 * clients, and alerts while a payment is missing.
 */
@Injectable()
export class BillingRecord {
  constructor(
    private readonly history: HistoryRepository,
    private readonly journal: Journal,
    private readonly channels: Channels,
    private readonly alerts: AlertsService,
  ) {}

  /** @param step past tense, as in `subscription.upgraded` */
  async subscription(
    tx: Transaction,
    subscription: Subscription,
    step: string,
    description: string,
  ): Promise<void> {
    const type = `subscription.${step}`;
    const { tenant_id: tenantId, id, plan, status, provider } = subscription;
    await this.history.add(tx, {
      tenantId,
      key: `${id}:${step}:${subscription.version}`,
      type,
      description,
      subscriptionId: id,
    });
    await this.journal.record(tx, {
      tenantId,
      action: type,
      message: description,
      object: { type: 'subscription', id, name: plan },
      details: { plan, status, provider },
    });
    await this.channels.changed(tx, BILLING_CHANNEL, tenantId);
  }

  /** Tells of a payment, in the audit log and to the tenant's webhooks. */
  async invoicePaid(tx: Transaction, invoice: Invoice, message: string): Promise<void> {
    const { tenant_id: tenantId, id, number, amount_due, currency } = invoice;
    await this.journal.record(tx, {
      tenantId,
      action: 'invoice.paid',
      message,
      object: { type: 'invoice', id, name: number ?? undefined },
      details: { amount_due, currency },
    });
  }

  /** As `subscription`, for a change of status, which only system transactions make. */
  async standing(
    tx: Transaction,
    subscription: Subscription,
    step: string,
    description: string,
  ): Promise<void> {
    await this.subscription(tx, subscription, step, description);
    const fingerprint = `payment:${subscription.id}`;
    if (!OWING.includes(subscription.status)) {
      await this.alerts.resolveIn(tx, fingerprint);
      return;
    }
    await this.alerts.fireIn(tx, {
      fingerprint,
      severity: 'WARNING',
      component: 'BILLING',
      message: `The subscription to ${subscription.plan} is ${subscription.status}: a payment is missing`,
      tenantId: subscription.tenant_id,
    });
  }
}
