import { Injectable } from '@nestjs/common';
import { DAY_MS } from '../../../common/durations.js';
import { AppError } from '../../../common/errors.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { type Plan, PlansReadModel, TenantPlans } from '../../tenants/index.js';
import { BillingAccountsRepository } from '../accounts.repository.js';
import { noTrial, orderInProgress, subscriptionExists, trialUsed } from '../billing.errors.js';
import type { SubscriptionOrder } from '../billing.types.js';
import { PAYMENT_DAYS } from '../invoicing.service.js';
import { monthsOf, periodsFrom, startOfMinute } from '../periods.js';
import { priceOf } from '../plan-change.js';
import type { Subscription } from '../subscription.entity.js';
import { SubscriptionsRepository } from '../subscriptions.repository.js';
import { StripeCatalog } from './stripe-catalog.js';
import { StripeCheckouts } from './stripe-checkouts.js';
import { StripeCustomers } from './stripe-customers.js';
import { isPaymentMethod, metadataOf } from './stripe-mapping.js';
import { StripeSubscriptions } from './stripe-subscriptions.js';

/** No order is on its way to Stripe for longer: three tries for each of the few requests. */
const ORDER_MS = 2 * 60_000;
const NEVER_WAS = { status: 'incomplete_expired', provider_status: 'incomplete_expired' } as const;

const isSameOrder = (s: Subscription, { plan, cycle, paymentMethod, trial }: SubscriptionOrder): boolean =>
  [s.plan, s.billing_cycle, s.payment_method, s.trial_end !== null].join() ===
  [plan, cycle, paymentMethod, trial].join();

/** Orders of subscriptions: at once with a known payment method, or by a checkout that is paid later. */
@Injectable()
export class StripeOrders {
  constructor(
    private readonly database: Database,
    private readonly catalog: StripeCatalog,
    private readonly customers: StripeCustomers,
    private readonly checkouts: StripeCheckouts,
    private readonly atStripe: StripeSubscriptions,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly accounts: BillingAccountsRepository,
    private readonly plans: PlansReadModel,
    private readonly tenants: TenantPlans,
  ) {}

  async start(order: SubscriptionOrder): Promise<Subscription> {
    await this.closeCheckouts(order);
    const { subscription, plan } = await this.reserve(order, new Date());
    try {
      const customer = await this.customers.idOf(order);
      if (order.paymentMethod !== 'manual' && !isPaymentMethod(order.paymentMethod))
        return await this.checkouts.open(subscription, plan, customer, order);
      return await this.subscribe(subscription, plan, customer, order);
    } catch (e) {
      // refused for good: nothing was made at Stripe. After a 503 nobody knows, and the same order goes on from here
      if (e instanceof AppError && e.status < 500) await this.abandon(subscription);
      throw e;
    }
  }

  /** A checkout that is not wanted any more. */
  async abandon(subscription: Subscription): Promise<Subscription> {
    const { checkout_id: checkout } = subscription;
    if (checkout) await this.checkouts.close(subscription, checkout);
    return this.atStripe.store(subscription, NEVER_WAS);
  }

  /** The row comes first: whatever happens to this process, a webhook finds what its subscription belongs to. */
  private reserve(order: SubscriptionOrder, now: Date): Promise<{ subscription: Subscription; plan: Plan }> {
    return this.database.tenant(order.tenantId, async (tx) => {
      await this.tenants.lock(tx, order.tenantId);
      const [existing] = await this.subscriptions.live(tx, order.tenantId);
      if (existing) throw subscriptionExists(existing.id);
      const plan = await this.plans.newest(tx, order.plan);
      const begun = await this.begunBefore(tx, order, plan, now);
      if (begun) return { subscription: begun, plan };
      if (order.trial) await this.requireTrial(tx, order.tenantId, plan);
      const start = startOfMinute(now);
      const subscription = await this.subscriptions.insert(tx, {
        tenant_id: order.tenantId,
        provider: 'stripe',
        plan: plan.id,
        plan_version: plan.version,
        status: 'incomplete',
        provider_status: 'incomplete',
        billing_cycle: order.cycle,
        payment_method: order.paymentMethod,
        currency: plan.currency,
        amount: priceOf(plan, order.cycle),
        ...periodsFrom(start, monthsOf(order.cycle)),
        ...(order.trial && { trial_end: new Date(start.getTime() + plan.trialDays * DAY_MS) }),
      });
      return { subscription, plan };
    });
  }

  /**
   * The same order again goes on with the row, and so with the keys, of the first one. Another order ends it, but not
   * while the first may be on its way to Stripe: both would be paid.
   */
  private async begunBefore(tx: Transaction, order: SubscriptionOrder, plan: Plan, now: Date) {
    let same: Subscription | null = null;
    for (const s of await this.subscriptions.incomplete(tx, order.tenantId)) {
      if (s.external_id !== null) continue;
      if (!same && isSameOrder(s, order) && s.plan_version === plan.version) same = s;
      else if (s.checkout_id === null && now.getTime() - s.created_at.getTime() < ORDER_MS)
        throw orderInProgress();
      else await this.subscriptions.save(tx, Object.assign(s, NEVER_WAS));
    }
    return same;
  }

  /** Pages of other orders that nobody paid are closed before another one opens. @throws AppError 409 when one was paid */
  private async closeCheckouts(order: SubscriptionOrder): Promise<void> {
    const waiting = await this.database.tenant(order.tenantId, (tx) =>
      this.subscriptions.incomplete(tx, order.tenantId),
    );
    for (const other of waiting.filter((s) => s.checkout_id !== null && !isSameOrder(s, order)))
      await this.abandon(other);
  }

  /** It is used up when Stripe says that it began: an order may be refused, a checkout never paid. */
  private async requireTrial(tx: Transaction, tenantId: string, plan: Plan): Promise<void> {
    if (plan.trialDays === 0) throw noTrial(plan.id);
    const { trialUsed: used } = await this.accounts.lock(tx, tenantId);
    if (used) throw trialUsed();
  }

  private subscribe(
    subscription: Subscription,
    plan: Plan,
    customer: string,
    order: SubscriptionOrder,
  ): Promise<Subscription> {
    const manual = order.paymentMethod === 'manual';
    return this.atStripe.apply(subscription, async (api) => {
      const prices = await this.catalog.prices(plan, order.cycle);
      if (!manual)
        await api.paymentMethods.attach(
          order.paymentMethod,
          { customer },
          { idempotencyKey: `${subscription.id}:attach` },
        );
      return api.subscriptions.create(
        {
          customer,
          items: [{ price: prices.base }, ...prices.metered.map((price) => ({ price }))],
          billing_mode: { type: 'flexible' },
          automatic_tax: { enabled: true },
          payment_behavior: manual ? 'allow_incomplete' : 'error_if_incomplete',
          ...(manual
            ? { collection_method: 'send_invoice' as const, days_until_due: PAYMENT_DAYS }
            : { default_payment_method: order.paymentMethod }),
          ...(order.trial && { trial_period_days: plan.trialDays }),
          metadata: metadataOf(subscription),
        },
        { idempotencyKey: `${subscription.id}:create` },
      );
    });
  }
}
