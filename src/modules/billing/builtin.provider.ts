import { Injectable } from '@nestjs/common';
import { DAY_MS } from '../../common/durations.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { type Plan, PlansReadModel, TenantPlans } from '../tenants/index.js';
import { BillingAccountsRepository } from './accounts.repository.js';
import {
  noTrial,
  paymentOutstanding,
  portalNotAvailable,
  subscriptionExists,
  trialUsed,
} from './billing.errors.js';
import type { InvoiceLine, SubscriptionChange, SubscriptionOrder } from './billing.types.js';
import { BillingRecord } from './billing-record.js';
import { type ChangeDecision, ChangeDecisions } from './change-decision.js';
import { Entitlements } from './entitlements.service.js';
import { Invoicing } from './invoicing.service.js';
import { PaymentProvider } from './payment-provider.js';
import { monthsOf, periodsFrom, startOfMinute } from './periods.js';
import { priceOf } from './plan-change.js';
import { prorate, unusedTime, wholePeriod } from './proration.js';
import type { Subscription } from './subscription.entity.js';
import { type NewSubscription, SubscriptionsRepository } from './subscriptions.repository.js';
import { UsageClosings } from './usage-closings.js';

/** Billing without a payment service: invoices are issued here and paid by hand, at the operator's word. */
@Injectable()
export class BuiltinProvider extends PaymentProvider {
  readonly name = 'builtin';

  constructor(
    private readonly database: Database,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly accounts: BillingAccountsRepository,
    private readonly plans: PlansReadModel,
    private readonly tenants: TenantPlans,
    private readonly decisions: ChangeDecisions,
    private readonly invoicing: Invoicing,
    private readonly closings: UsageClosings,
    private readonly entitlements: Entitlements,
    private readonly recorder: BillingRecord,
  ) {
    super();
  }

  start(order: SubscriptionOrder, now = new Date()): Promise<Subscription> {
    return this.database.tenant(order.tenantId, async (tx) => {
      await this.tenants.lock(tx, order.tenantId);
      const [existing] = await this.subscriptions.live(tx, order.tenantId);
      if (existing) throw subscriptionExists(existing.id);
      if (await this.invoicing.isOverdue(tx, order.tenantId, now)) throw paymentOutstanding();
      const plan = await this.plans.newest(tx, order.plan);
      if (order.trial) await this.useTrial(tx, order.tenantId, plan, now);
      const subscription = await this.subscriptions.insert(tx, newSubscription(order, plan, now));
      await this.recorder.subscription(tx, subscription, 'created', `Subscribed to ${plan.name}`);
      if (!order.trial) await this.invoiceStart(tx, subscription, plan, now);
      await this.entitlements.apply(tx, order.tenantId, 'subscribed', now);
      return subscription;
    });
  }

  change(tenantId: string, id: string, change: SubscriptionChange, now = new Date()): Promise<Subscription> {
    return this.database.tenant(tenantId, async (tx) => {
      await this.tenants.lock(tx, tenantId);
      const subscription = await this.subscriptions.lock(tx, tenantId, id);
      const decision = await this.decisions.decide(tx, subscription, change);
      if (change.paymentMethod !== undefined) subscription.payment_method = change.paymentMethod;
      if (decision.cancel !== undefined) await this.setCancel(tx, subscription, decision.cancel);
      if (change.plan === undefined && change.cycle === undefined)
        return this.subscriptions.save(tx, subscription);
      if (decision.kind === 'upgrade') return this.upgrade(tx, subscription, decision, now);
      return this.changeLater(tx, subscription, decision);
    });
  }

  async portal(): Promise<string> {
    throw portalNotAvailable();
  }

  private async useTrial(tx: Transaction, tenantId: string, plan: Plan, now: Date): Promise<void> {
    if (plan.trialDays === 0) throw noTrial(plan.id);
    const { trialUsed: used } = await this.accounts.lock(tx, tenantId);
    if (used) throw trialUsed();
    await this.accounts.useTrial(tx, tenantId, now);
  }

  private async invoiceStart(tx: Transaction, subscription: Subscription, plan: Plan, now: Date) {
    const price = { name: plan.name, price: subscription.amount };
    await this.invoicing.issue(
      tx,
      {
        subscription,
        key: 'start',
        reason: 'subscription_create',
        lines: [wholePeriod(price, subscription.period)],
        period: subscription.period,
      },
      now,
    );
  }

  private async setCancel(tx: Transaction, subscription: Subscription, cancel: boolean): Promise<void> {
    if (subscription.cancel_at_period_end === cancel) return;
    subscription.cancel_at_period_end = cancel;
    subscription.canceled_at = cancel ? new Date() : null;
    const saved = await this.subscriptions.save(tx, subscription);
    const day = saved.current_period_end.toISOString();
    await (cancel
      ? this.recorder.subscription(tx, saved, 'cancel_scheduled', `Ends on ${day}`)
      : this.recorder.subscription(tx, saved, 'resumed', 'Goes on after all'));
  }

  /** Down, at the end of the period: the terms wait. Back to the present terms: nothing waits any more. */
  private async changeLater(
    tx: Transaction,
    subscription: Subscription,
    { kind, to, cycle }: ChangeDecision,
  ) {
    const pending = kind === 'downgrade' && to.id !== 'free';
    subscription.pending_plan = pending ? to.id : null;
    subscription.pending_plan_version = pending ? to.version : null;
    subscription.pending_cycle = pending ? cycle : null;
    const saved = await this.subscriptions.save(tx, subscription);
    if (pending) {
      const day = saved.current_period_end.toISOString();
      await this.recorder.subscription(tx, saved, 'downgrade_scheduled', `Changes to ${to.name} on ${day}`);
    }
    return saved;
  }

  private async upgrade(tx: Transaction, subscription: Subscription, decision: ChangeDecision, now: Date) {
    const { to, cycle } = decision;
    const lines = await this.upgradeLines(tx, subscription, decision, now);
    Object.assign(subscription, {
      plan: to.id,
      plan_version: to.version,
      billing_cycle: cycle,
      amount: priceOf(to, cycle),
      pending_plan: null,
      pending_plan_version: null,
      pending_cycle: null,
    });
    const saved = await this.subscriptions.save(tx, subscription);
    await this.recorder.subscription(tx, saved, 'upgraded', upgradeText(decision));
    await this.invoicing.issue(
      tx,
      {
        subscription: saved,
        key: `change:${saved.version}`,
        reason: 'subscription_update',
        lines,
        period: saved.period,
      },
      now,
    );
    await this.entitlements.apply(tx, saved.tenant_id, 'upgraded', now);
    return saved;
  }

  /** A trial costs nothing. With another cycle a new period begins now; otherwise the rest of this one is prorated. */
  private async upgradeLines(
    tx: Transaction,
    subscription: Subscription,
    { from, to, cycle }: ChangeDecision,
    now: Date,
  ): Promise<InvoiceLine[]> {
    if (subscription.status === 'trialing') return [];
    const oldPrice = { name: from.name, price: subscription.amount };
    const newPrice = { name: to.name, price: priceOf(to, cycle) };
    if (cycle === subscription.billing_cycle) return prorate(oldPrice, newPrice, subscription.period, now);
    const start = startOfMinute(now);
    const credit = unusedTime(oldPrice, subscription.period, now);
    const usage = await this.closings.close(tx, subscription, start);
    Object.assign(subscription, periodsFrom(start, monthsOf(cycle)));
    return [credit, ...usage, wholePeriod(newPrice, subscription.period)];
  }
}

const upgradeText = ({ from, to, cycle }: ChangeDecision): string =>
  from.id === to.id
    ? `${to.name} is billed ${cycle} from now on`
    : `Upgraded from ${from.name} to ${to.name}`;

/** A trial is one period of its own; the first that is paid for begins when it ends. */
function newSubscription(order: SubscriptionOrder, plan: Plan, now: Date): NewSubscription {
  const start = startOfMinute(now);
  const trialEnd = order.trial ? new Date(start.getTime() + plan.trialDays * DAY_MS) : null;
  const status = trialEnd ? 'trialing' : 'active';
  return {
    tenant_id: order.tenantId,
    provider: 'builtin',
    plan: plan.id,
    plan_version: plan.version,
    status,
    provider_status: status,
    billing_cycle: order.cycle,
    payment_method: order.paymentMethod,
    currency: plan.currency,
    amount: priceOf(plan, order.cycle),
    created_at: now,
    ...periodsFrom(start, monthsOf(order.cycle)),
    ...(trialEnd && { current_period_end: trialEnd, usage_period_end: trialEnd, trial_end: trialEnd }),
  };
}
