import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import type { SubscriptionChange, SubscriptionOrder } from '../billing.types.js';
import { PaymentProvider } from '../payment-provider.js';
import type { Subscription } from '../subscription.entity.js';
import { SubscriptionsRepository } from '../subscriptions.repository.js';
import { StripeChanges } from './stripe-changes.js';
import { StripeCustomers } from './stripe-customers.js';
import { StripeOrders } from './stripe-orders.js';

/**
 * Billing by Stripe: it keeps the subscriptions, takes the payments and writes the invoices; we ask for changes and
 * store what it answers, as its webhooks do.
 */
@Injectable()
export class StripeProvider extends PaymentProvider {
  readonly name = 'stripe';

  constructor(
    private readonly database: Database,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly orders: StripeOrders,
    private readonly changes: StripeChanges,
    private readonly customers: StripeCustomers,
  ) {
    super();
  }

  start(order: SubscriptionOrder): Promise<Subscription> {
    return this.orders.start(order);
  }

  async change(tenantId: string, id: string, change: SubscriptionChange): Promise<Subscription> {
    const found = await this.database.tenant(tenantId, (tx) => this.subscriptions.get(tx, tenantId, id));
    if (found.status === 'incomplete' && change.cancelAtPeriodEnd) return this.orders.abandon(found);
    return this.changes.make(found, change);
  }

  portal(tenantId: string, returnUrl: string): Promise<string> {
    return this.customers.portal(tenantId, returnUrl);
  }
}
