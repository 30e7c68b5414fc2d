import { Injectable } from '@nestjs/common';
import { Environment } from '../../../platform/config/environment.js';
import type { Plan } from '../../tenants/index.js';
import { orderInProgress } from '../billing.errors.js';
import type { SubscriptionOrder } from '../billing.types.js';
import type { Subscription } from '../subscription.entity.js';
import { StripeCatalog } from './stripe-catalog.js';
import { StripeGateway } from './stripe-gateway.js';
import { metadataOf } from './stripe-mapping.js';
import { StripeSubscriptions } from './stripe-subscriptions.js';

/** Stripe's pages on which an order is paid. */
@Injectable()
export class StripeCheckouts {
  constructor(
    private readonly gateway: StripeGateway,
    private readonly catalog: StripeCatalog,
    private readonly atStripe: StripeSubscriptions,
    private readonly environment: Environment,
  ) {}

  /** Opens the page; the same order gets the same one again. */
  async open(
    subscription: Subscription,
    plan: Plan,
    customer: string,
    order: SubscriptionOrder,
  ): Promise<Subscription> {
    const base = this.environment.PUBLIC_URL ?? 'http://localhost';
    const session = await this.gateway.forCaller(async (api) => {
      const prices = await this.catalog.prices(plan, order.cycle);
      return api.checkout.sessions.create(
        {
          mode: 'subscription',
          customer,
          customer_update: { address: 'auto', name: 'auto' },
          line_items: [{ price: prices.base, quantity: 1 }, ...prices.metered.map((price) => ({ price }))],
          automatic_tax: { enabled: true },
          success_url: `${base}/billing?checkout=success`,
          cancel_url: `${base}/billing?checkout=canceled`,
          client_reference_id: subscription.id,
          metadata: metadataOf(subscription),
          subscription_data: {
            metadata: metadataOf(subscription),
            ...(order.trial && { trial_period_days: plan.trialDays }),
          },
        },
        { idempotencyKey: `${subscription.id}:checkout` },
      );
    });
    return this.atStripe.store(subscription, { checkout_id: session.id, checkout_url: session.url });
  }

  /** @throws AppError 409 when it was paid: its subscription is on the way here */
  async close(subscription: Subscription, checkout: string): Promise<void> {
    const { status } = await this.gateway.forCaller((api) => api.checkout.sessions.retrieve(checkout));
    if (status === 'complete') throw orderInProgress();
    if (status !== 'open') return;
    await this.gateway.forCaller((api) =>
      api.checkout.sessions.expire(checkout, {}, this.atStripe.newKey(subscription, 'expire')),
    );
  }
}
