import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import { unknownPaymentMethod } from '../billing.errors.js';
import type { SubscriptionChange } from '../billing.types.js';
import { type ChangeDecision, ChangeDecisions } from '../change-decision.js';
import { PAYMENT_DAYS } from '../invoicing.service.js';
import type { Subscription } from '../subscription.entity.js';
import { StripeCatalog } from './stripe-catalog.js';
import { StripeCustomers } from './stripe-customers.js';
import { StripeGateway } from './stripe-gateway.js';
import { isPaymentMethod } from './stripe-mapping.js';
import { StripeSubscriptions } from './stripe-subscriptions.js';

/** Changes of a subscription that Stripe has: plan, cycle, payment method, end. */
@Injectable()
export class StripeChanges {
  constructor(
    private readonly database: Database,
    private readonly decisions: ChangeDecisions,
    private readonly gateway: StripeGateway,
    private readonly catalog: StripeCatalog,
    private readonly customers: StripeCustomers,
    private readonly atStripe: StripeSubscriptions,
  ) {}

  /** Makes each of the changes that are asked for. */
  async make(found: Subscription, change: SubscriptionChange): Promise<Subscription> {
    const decision = await this.database.tenant(found.tenant_id, (tx) =>
      this.decisions.decide(tx, found, change),
    );
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

  /** By invoice, or with a card or the like, which is attached to the customer first. */
  private async setPaymentMethod(subscription: Subscription, method: string): Promise<Subscription> {
    const isManual = method === 'manual';
    if (!isManual && !isPaymentMethod(method)) throw unknownPaymentMethod();
    const customer = await this.customers.idOf({ tenantId: subscription.tenant_id });
    const changed = await this.atStripe.apply(subscription, async (api) => {
      if (!isManual)
        await api.paymentMethods.attach(
          method,
          { customer },
          this.atStripe.newKey(subscription, `attach:${method}`),
        );
      return api.subscriptions.update(
        subscription.external_id!,
        isManual
          ? { collection_method: 'send_invoice', days_until_due: PAYMENT_DAYS }
          : { collection_method: 'charge_automatically', default_payment_method: method },
        this.atStripe.newKey(subscription, `method:${method}`),
      );
    });
    return this.atStripe.store(changed, { payment_method: method });
  }

  private async setCancel(subscription: Subscription, cancel: boolean): Promise<Subscription> {
    const released = await this.releaseSchedule(subscription);
    return this.atStripe.apply(released, (api) =>
      api.subscriptions.update(
        released.external_id!,
        { cancel_at_period_end: cancel },
        this.atStripe.key(released, `cancel:${cancel}`),
      ),
    );
  }

  /** The rest of the period is prorated and paid at once; a payment that fails leaves everything as it was. */
  private async upgrade(found: Subscription, { to, cycle }: ChangeDecision): Promise<Subscription> {
    const subscription = await this.releaseSchedule(found);
    return this.atStripe.apply(subscription, async (api) => {
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
        this.atStripe.newKey(subscription, `upgrade:${to.id}:${cycle}`),
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
        this.atStripe.key(subscription, `${what}:schedule`),
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
        this.atStripe.key(subscription, what),
      );
    });
    return this.atStripe.store(subscription, {
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
      api.subscriptionSchedules.release(schedule, {}, this.atStripe.key(subscription, `release:${schedule}`)),
    );
    return this.atStripe.store(subscription, {
      schedule_id: null,
      pending_plan: null,
      pending_plan_version: null,
      pending_cycle: null,
    });
  }
}
