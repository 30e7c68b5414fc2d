import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type Stripe from 'stripe';
import { DAY_MS } from '../../../common/durations.js';
import { AppError } from '../../../common/errors.js';
import { Environment } from '../../../platform/config/environment.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { type Plan, PlansReadModel, TenantPlans } from '../../tenants/index.js';
import { BillingAccountsRepository } from '../accounts.repository.js';
import {
  noTrial,
  orderInProgress,
  subscriptionExists,
  trialUsed,
  unknownPaymentMethod,
} from '../billing.errors.js';
import type { SubscriptionChange, SubscriptionOrder } from '../billing.types.js';
import { type ChangeDecision, ChangeDecisions } from '../change-decision.js';
import { PAYMENT_DAYS } from '../invoicing.service.js';
import { PaymentProvider } from '../payment-provider.js';
import { monthsOf, periodsFrom, startOfMinute } from '../periods.js';
import { priceOf } from '../plan-change.js';
import type { Subscription } from '../subscription.entity.js';
import { SubscriptionsRepository } from '../subscriptions.repository.js';
import { StripeEventsRepository } from '../webhooks/stripe-events.repository.js';
import { StripeCatalog } from './stripe-catalog.js';
import { StripeGateway } from './stripe-gateway.js';
import { readSubscription } from './stripe-mapping.js';
import { StripeSync } from './stripe-sync.service.js';

/** Ids of payment methods, and of the older cards and sources. */
const PAYMENT_METHOD = /^(pm|card|src)_/;
/** No order is on its way to Stripe for longer: three tries for each of the few requests. */
const ORDER_MS = 2 * 60_000;
const NEVER_WAS = { status: 'incomplete_expired', provider_status: 'incomplete_expired' } as const;

const isSameOrder = (s: Subscription, { plan, cycle, paymentMethod, trial }: SubscriptionOrder): boolean =>
  [s.plan, s.billing_cycle, s.payment_method, s.trial_end !== null].join() ===
  [plan, cycle, paymentMethod, trial].join();

/**
 * Billing by Stripe: it keeps the subscriptions, takes the payments and writes the invoices; we ask for changes and
 * store what it answers, as its webhooks do. Every POST carries an Idempotency-Key made of our own ids, so that a
 * retry after a lost answer changes nothing twice.
 */
@Injectable()
export class StripeProvider extends PaymentProvider {
  readonly name = 'stripe';

  constructor(
    private readonly database: Database,
    private readonly gateway: StripeGateway,
    private readonly catalog: StripeCatalog,
    private readonly sync: StripeSync,
    private readonly events: StripeEventsRepository,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly accounts: BillingAccountsRepository,
    private readonly plans: PlansReadModel,
    private readonly tenants: TenantPlans,
    private readonly decisions: ChangeDecisions,
    private readonly environment: Environment,
  ) {
    super();
  }

  async start(order: SubscriptionOrder): Promise<Subscription> {
    await this.closeCheckouts(order);
    const { subscription, plan } = await this.reserve(order, new Date());
    try {
      const customer = await this.customer(order);
      if (order.paymentMethod !== 'manual' && !PAYMENT_METHOD.test(order.paymentMethod))
        return await this.checkout(subscription, plan, customer, order);
      return await this.subscribe(subscription, plan, customer, order);
    } catch (e) {
      // refused for good: nothing was made at Stripe. After a 503 nobody knows, and the same order goes on from here
      if (e instanceof AppError && e.status < 500) await this.abandon(subscription);
      throw e;
    }
  }

  async change(tenantId: string, id: string, change: SubscriptionChange): Promise<Subscription> {
    const found = await this.database.tenant(tenantId, (tx) => this.subscriptions.get(tx, tenantId, id));
    if (found.status === 'incomplete' && change.cancelAtPeriodEnd) return this.abandon(found);
    const decision = await this.database.tenant(tenantId, (tx) => this.decisions.decide(tx, found, change));
    let subscription = found;
    if (change.paymentMethod !== undefined)
      subscription = await this.setPaymentMethod(subscription, change.paymentMethod);
    const { cancel } = decision;
    if (cancel !== undefined && cancel !== subscription.cancel_at_period_end)
      subscription = await this.setCancel(subscription, cancel);
    if (change.plan === 'free' || (change.plan === undefined && change.cycle === undefined))
      return subscription;
    if (decision.kind === 'upgrade') return this.upgrade(subscription, decision);
    if (decision.kind === 'downgrade') return this.downgrade(subscription, decision);
    return this.releaseSchedule(subscription);
  }

  async portal(tenantId: string, returnUrl: string): Promise<string> {
    const customer = await this.customer({ tenantId });
    const session = await this.gateway.forCaller((api) =>
      api.billingPortal.sessions.create(
        { customer, return_url: returnUrl },
        // a session is good for minutes only: each click is a request of its own
        { idempotencyKey: `portal:${tenantId}:${Date.now()}` },
      ),
    );
    return session.url;
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

  private async customer({ tenantId, email }: { tenantId: string; email?: string }): Promise<string> {
    const { known, name } = await this.database.tenant(tenantId, async (tx) => ({
      known: await this.accounts.customerOf(tx, tenantId),
      name: await this.accounts.tenantName(tx, tenantId),
    }));
    if (known) return known;
    const made = await this.gateway.forCaller((api) =>
      api.customers.create(
        { name, ...(email && { email }), metadata: { tenant_id: tenantId } },
        { idempotencyKey: `customer:${tenantId}:${email ?? ''}` },
      ),
    );
    return this.database.system(async (tx) => {
      await this.accounts.linkCustomer(tx, tenantId, made.id);
      return (await this.accounts.customerOf(tx, tenantId)) ?? made.id;
    });
  }

  private metadata(subscription: Subscription): Record<string, string> {
    const { tenant_id, id, plan } = subscription;
    return { tenant_id, subscription_id: id, plan };
  }

  private async checkout(
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
          metadata: this.metadata(subscription),
          subscription_data: {
            metadata: this.metadata(subscription),
            ...(order.trial && { trial_period_days: plan.trialDays }),
          },
        },
        { idempotencyKey: `${subscription.id}:checkout` },
      );
    });
    return this.database.tenant(subscription.tenant_id, async (tx) => {
      const row = await this.subscriptions.lock(tx, subscription.tenant_id, subscription.id);
      return this.subscriptions.save(
        tx,
        Object.assign(row, { checkout_id: session.id, checkout_url: session.url }),
      );
    });
  }

  private subscribe(
    subscription: Subscription,
    plan: Plan,
    customer: string,
    order: SubscriptionOrder,
  ): Promise<Subscription> {
    const manual = order.paymentMethod === 'manual';
    return this.apply(subscription, async (api) => {
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
          metadata: this.metadata(subscription),
        },
        { idempotencyKey: `${subscription.id}:create` },
      );
    });
  }

  /** Calls Stripe and stores the subscription that it answers, in the same way as its webhooks do. */
  private async apply(
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

  /**
   * A key of this call alone, for what may be refused and tried again: Stripe answers a key for a day as it did first, a
   * declined card too. What it stands for has the same effect twice as once.
   */
  private newKey(subscription: Subscription, what: string): Stripe.RequestOptions {
    return { idempotencyKey: `${subscription.id}:${what}:${randomUUID()}` };
  }

  private key(subscription: Subscription, what: string): Stripe.RequestOptions {
    return { idempotencyKey: `${subscription.id}:${subscription.version}:${what}` };
  }

  /** By invoice, or with a card or the like, which is attached to the customer first. */
  private async setPaymentMethod(subscription: Subscription, method: string): Promise<Subscription> {
    const isManual = method === 'manual';
    if (!isManual && !PAYMENT_METHOD.test(method)) throw unknownPaymentMethod();
    const customer = await this.customer({ tenantId: subscription.tenant_id });
    const changed = await this.apply(subscription, async (api) => {
      if (!isManual)
        await api.paymentMethods.attach(method, { customer }, this.newKey(subscription, `attach:${method}`));
      return api.subscriptions.update(
        subscription.external_id!,
        isManual
          ? { collection_method: 'send_invoice', days_until_due: PAYMENT_DAYS }
          : { collection_method: 'charge_automatically', default_payment_method: method },
        this.newKey(subscription, `method:${method}`),
      );
    });
    return this.store(changed, { payment_method: method });
  }

  private async setCancel(subscription: Subscription, cancel: boolean): Promise<Subscription> {
    const released = await this.releaseSchedule(subscription);
    return this.apply(released, (api) =>
      api.subscriptions.update(
        released.external_id!,
        { cancel_at_period_end: cancel },
        this.key(released, `cancel:${cancel}`),
      ),
    );
  }

  /** The rest of the period is prorated and paid at once; a payment that fails leaves everything as it was. */
  private async upgrade(found: Subscription, { to, cycle }: ChangeDecision): Promise<Subscription> {
    const subscription = await this.releaseSchedule(found);
    return this.apply(subscription, async (api) => {
      const prices = await this.catalog.prices(to, cycle);
      const now = await api.subscriptions.retrieve(subscription.external_id!);
      const wanted = [prices.base, ...prices.metered];
      const dropped = now.items.data.filter((item) => !wanted.includes(item.price.id));
      const present = now.items.data.map((item) => item.price.id);
      return api.subscriptions.update(
        now.id,
        {
          items: [
            ...dropped.map((item) => ({ id: item.id, deleted: true })),
            ...wanted.filter((price) => !present.includes(price)).map((price) => ({ price })),
          ],
          proration_behavior: 'always_invoice',
          payment_behavior: 'error_if_incomplete',
          metadata: { plan: to.id },
        },
        this.newKey(subscription, `upgrade:${to.id}:${cycle}`),
      );
    });
  }

  /** A schedule changes the prices when the period ends. */
  private async downgrade(found: Subscription, { to, cycle }: ChangeDecision): Promise<Subscription> {
    const subscription = await this.releaseSchedule(found);
    const what = `downgrade:${to.id}:${cycle}`;
    const schedule = await this.gateway.forCaller(async (api) => {
      const prices = await this.catalog.prices(to, cycle);
      const made = await api.subscriptionSchedules.create(
        { from_subscription: subscription.external_id! },
        this.key(subscription, `${what}:schedule`),
      );
      const present = made.phases[0]!;
      const items = present.items.map((item) => ({
        price: typeof item.price === 'string' ? item.price : item.price.id,
        ...(item.quantity !== undefined && { quantity: item.quantity }),
      }));
      return api.subscriptionSchedules.update(
        made.id,
        {
          end_behavior: 'release',
          phases: [
            { items, start_date: present.start_date, end_date: present.end_date },
            {
              items: [{ price: prices.base }, ...prices.metered.map((price) => ({ price }))],
              proration_behavior: 'none',
              metadata: { plan: to.id },
            },
          ],
        },
        this.key(subscription, what),
      );
    });
    return this.store(subscription, {
      schedule_id: schedule.id,
      pending_plan: to.id,
      pending_plan_version: to.version,
      pending_cycle: cycle,
    });
  }

  /** Takes a change that waits for the end of the period back. */
  private async releaseSchedule(subscription: Subscription): Promise<Subscription> {
    const { schedule_id: schedule } = subscription;
    if (!schedule) return subscription;
    await this.gateway.forCaller((api) =>
      api.subscriptionSchedules.release(schedule, {}, this.key(subscription, `release:${schedule}`)),
    );
    return this.store(subscription, {
      schedule_id: null,
      pending_plan: null,
      pending_plan_version: null,
      pending_cycle: null,
    });
  }

  /** @throws AppError 409 when it was paid: its subscription is on the way here */
  private async closeCheckout(subscription: Subscription, checkout: string): Promise<void> {
    const { status } = await this.gateway.forCaller((api) => api.checkout.sessions.retrieve(checkout));
    if (status === 'complete') throw orderInProgress();
    if (status !== 'open') return;
    await this.gateway.forCaller((api) =>
      api.checkout.sessions.expire(checkout, {}, this.newKey(subscription, 'expire')),
    );
  }

  /** A checkout that is not wanted any more. */
  private async abandon(subscription: Subscription): Promise<Subscription> {
    const { checkout_id: checkout } = subscription;
    if (checkout) await this.closeCheckout(subscription, checkout);
    return this.store(subscription, NEVER_WAS);
  }

  private store(subscription: Subscription, values: Partial<Subscription>): Promise<Subscription> {
    return this.database.tenant(subscription.tenant_id, async (tx) => {
      const row = await this.subscriptions.lock(tx, subscription.tenant_id, subscription.id);
      return this.subscriptions.save(tx, Object.assign(row, values));
    });
  }
}
