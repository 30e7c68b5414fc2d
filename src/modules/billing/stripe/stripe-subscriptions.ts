import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type Stripe from 'stripe';
import { Database } from '../../../platform/database/index.js';
import type { Subscription } from '../subscription.entity.js';
import { SubscriptionsRepository } from '../subscriptions.repository.js';
import { StripeEventsRepository } from '../webhooks/stripe-events.repository.js';
import { StripeGateway } from './stripe-gateway.js';
import { readSubscription } from './stripe-mapping.js';
import { StripeSync } from './stripe-sync.service.js';

/**
 * Subscriptions at Stripe and their rows here. Every POST carries an Idempotency-Key made of our own ids, so that a retry
 * after a lost answer changes nothing twice.
 */
@Injectable()
export class StripeSubscriptions {
  constructor(
    private readonly database: Database,
    private readonly gateway: StripeGateway,
    private readonly sync: StripeSync,
    private readonly events: StripeEventsRepository,
    private readonly subscriptions: SubscriptionsRepository,
  ) {}

  /** Calls Stripe and stores the subscription that it answers, in the same way as its webhooks do. */
  async apply(
    subscription: Subscription,
    call: (api: Stripe) => Promise<Stripe.Subscription>,
  ): Promise<Subscription> {
    const ticket = await this.database.system((tx) => this.events.ticket(tx));
    const answer = readSubscription(await this.gateway.forCaller(call));
    return this.database.system(async (tx) => {
      await this.events.lock(tx, answer.id);
      if (await this.events.claimTicket(tx, answer.id, ticket))
        await this.sync.subscription(tx, answer, { kind: 'api' });
      return this.subscriptions.get(tx, subscription.tenant_id, subscription.id);
    });
  }

  /** Stores what only this program knows of a subscription. */
  store(subscription: Subscription, values: Partial<Subscription>): Promise<Subscription> {
    return this.database.tenant(subscription.tenant_id, async (tx) => {
      const row = await this.subscriptions.lock(tx, subscription.tenant_id, subscription.id);
      return this.subscriptions.save(tx, Object.assign(row, values));
    });
  }

  /** A key of this change of this version of the row. */
  key(subscription: Subscription, what: string): Stripe.RequestOptions {
    return { idempotencyKey: `${subscription.id}:${subscription.version}:${what}` };
  }

  /**
   * A key of this call alone, for what may be refused and tried again: Stripe answers a key for a day as it did first, a
   * declined card too. What it stands for has the same effect twice as once.
   */
  newKey(subscription: Subscription, what: string): Stripe.RequestOptions {
    return { idempotencyKey: `${subscription.id}:${what}:${randomUUID()}` };
  }
}
