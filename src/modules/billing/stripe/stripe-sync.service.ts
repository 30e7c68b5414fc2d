import { Injectable } from '@nestjs/common';
import { formatMoney } from '../../../common/money.js';
import type { Transaction } from '../../../platform/database/index.js';
import { PlansReadModel } from '../../tenants/index.js';
import { BillingAccountsRepository } from '../accounts.repository.js';
import { hasEnded, type InvoiceStatus, type SubscriptionStatus } from '../billing.types.js';
import { BillingRecord } from '../billing-record.js';
import { Entitlements } from '../entitlements.service.js';
import { HistoryRepository, invoiceStep } from '../history.repository.js';
import type { Invoice } from '../invoice.entity.js';
import { InvoicesRepository } from '../invoices.repository.js';
import { periodAt } from '../periods.js';
import type { Subscription } from '../subscription.entity.js';
import { SubscriptionsRepository } from '../subscriptions.repository.js';
import { type EventMoment, isNotOlder } from './event-order.js';
import { NotApplicable, type StripeInvoiceState, type StripeSubscriptionState } from './stripe-mapping.js';

/**
 * Where a state comes from. `api`: read from Stripe just now, so it is the truth. `event`: the object inside of an
 * event of unknown age.
 */
export type Source = { kind: 'api' } | { kind: 'event'; moment: EventMoment; paymentFailed: boolean };

const FINAL: readonly InvoiceStatus[] = ['paid', 'void'];
const PROGRESS: Record<InvoiceStatus, number> = { draft: 0, open: 1, uncollectible: 2, void: 3, paid: 4 };

/**
 * Makes our subscriptions and invoices what Stripe says, with everything that follows from it, inside one
 * transaction. Callers hold the lock of the subscription. Applying the same state again changes nothing.
 */
@Injectable()
export class StripeSync {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly invoices: InvoicesRepository,
    private readonly accounts: BillingAccountsRepository,
    private readonly plans: PlansReadModel,
    private readonly entitlements: Entitlements,
    private readonly recorder: BillingRecord,
    private readonly history: HistoryRepository,
  ) {}

  /** @throws NotApplicable when it belongs to nobody here or names no plan of ours */
  async subscription(
    tx: Transaction,
    state: StripeSubscriptionState,
    source: Source,
    now = new Date(),
  ): Promise<{ subscription: Subscription; outcome: string }> {
    const known = await this.find(tx, state);
    if (known && source.kind === 'event') {
      if (hasEnded(known.provider_status)) return { subscription: known, outcome: 'ignored: it has ended' };
      if (!isNotOlder(source.moment, momentOfKnown(known)))
        return { subscription: known, outcome: 'ignored: older than what is known' };
    }
    const tenantId = known?.tenant_id ?? (await this.tenantOf(tx, state));
    // an order of ours that Stripe has made good is new too
    const before = known?.external_id
      ? { plan: known.plan, status: known.status, cancel: known.cancel_at_period_end }
      : null;
    const values = await this.valuesOf(tx, known, state, source, now);
    const subscription = known
      ? await this.subscriptions.save(tx, Object.assign(known, values))
      : await this.subscriptions.insert(tx, { tenant_id: tenantId, provider: 'stripe', ...values });
    if (state.trialEnd) await this.accounts.useTrial(tx, tenantId, now);
    if (state.customerId) await this.accounts.linkCustomer(tx, tenantId, state.customerId);
    await this.invoices.adopt(tx, tenantId, state.id, subscription.id);
    await this.record(tx, subscription, before);
    await this.entitlements.apply(tx, tenantId, `Stripe says ${state.status}`, now);
    return { subscription, outcome: 'applied' };
  }

  /** @throws NotApplicable when it belongs to nobody here */
  async invoice(
    tx: Transaction,
    state: StripeInvoiceState,
    source: Source,
    now = new Date(),
  ): Promise<string> {
    const known = await this.invoices.byExternalId(tx, state.id);
    const subscription = state.subscriptionId
      ? await this.subscriptions.byExternalId(tx, state.subscriptionId)
      : null;
    const tenantId = known?.tenant_id ?? subscription?.tenant_id ?? (await this.tenantOf(tx, state));
    const failed = source.kind === 'event' && source.paymentFailed;
    const next = mergeInvoice(known, state, source.kind === 'api', failed, now);
    const invoice = known
      ? await this.invoices.save(tx, Object.assign(known, next))
      : await this.invoices.insert(tx, {
          tenant_id: tenantId,
          subscription_id: subscription?.id ?? null,
          external_subscription_id: state.subscriptionId,
          provider: 'stripe',
          external_id: state.id,
          key: state.id,
          reason: state.reason,
          created_at: state.createdAt,
          ...next,
        });
    await this.recordInvoice(tx, invoice, failed);
    if (subscription && source.kind === 'event') await this.standing(tx, subscription, now);
    return 'applied';
  }

  /** A checkout that ran out: the subscription that waited for it never was. */
  async checkoutExpired(tx: Transaction, checkoutId: string): Promise<string> {
    const waiting = await this.subscriptions.byCheckout(tx, checkoutId);
    if (waiting?.status !== 'incomplete') return 'ignored: nothing waits for this checkout';
    const expired = { status: 'incomplete_expired' as const, provider_status: 'incomplete_expired' as const };
    const saved = await this.subscriptions.save(tx, Object.assign(waiting, expired));
    await this.recorder.subscription(tx, saved, 'checkout_expired', 'The checkout was not completed in time');
    return 'applied';
  }

  private async find(tx: Transaction, state: StripeSubscriptionState): Promise<Subscription | null> {
    const known = await this.subscriptions.byExternalId(tx, state.id);
    if (known || !state.localId) return known;
    const own = await this.subscriptions.byId(tx, state.localId);
    return own?.provider === 'stripe' && own.external_id === null && own.tenant_id === state.tenantId
      ? own
      : null;
  }

  private async tenantOf(
    tx: Transaction,
    state: { tenantId: string | null; customerId: string | null },
  ): Promise<string> {
    const byCustomer = state.customerId ? await this.accounts.tenantOfCustomer(tx, state.customerId) : null;
    const tenantId = byCustomer ?? state.tenantId;
    if (!tenantId) throw new NotApplicable('ignored: it names no tenant');
    if (!(await this.accounts.tenantExists(tx, tenantId)))
      throw new NotApplicable('ignored: its tenant is not here');
    return tenantId;
  }

  private async valuesOf(
    tx: Transaction,
    known: Subscription | null,
    state: StripeSubscriptionState,
    source: Source,
    now: Date,
  ) {
    if (!state.plan) throw new NotApplicable('ignored: its price is none of our plans');
    const kept = known?.plan === state.plan ? known.plan_version : null;
    const version = state.planVersion ?? kept ?? (await this.plans.newest(tx, state.plan)).version;
    const plan = await this.plans.get(tx, state.plan, version);
    const usage = periodAt(state.anchor, 1, clamp(now, state.periodStart, state.periodEnd));
    const failing = source.kind === 'event' && (await this.invoices.hasFailed(tx, state.id));
    const status = statusOf(state.status, failing);
    return {
      external_id: state.id,
      plan: plan.id,
      plan_version: plan.version,
      status,
      provider_status: state.status,
      billing_cycle: state.cycle,
      currency: state.currency,
      amount: state.amount,
      anchor: state.anchor,
      current_period_start: state.periodStart,
      current_period_end: state.periodEnd,
      usage_period_start: usage.start,
      usage_period_end: usage.end,
      cancel_at_period_end: state.cancelAtPeriodEnd && !hasEnded(state.status),
      trial_end: state.trialEnd,
      canceled_at: state.canceledAt,
      ended_at: hasEnded(state.status) ? (state.endedAt ?? now) : null,
      schedule_id: state.scheduleId,
      ...(state.scheduleId === null && {
        pending_plan: null,
        pending_plan_version: null,
        pending_cycle: null,
      }),
      past_due_since: status === 'past_due' ? (known?.past_due_since ?? now) : null,
      ...(source.kind === 'event' && { event_at: source.moment.at, event_rank: source.moment.rank }),
    };
  }

  /** `past_due` follows from the invoices, so it comes out the same whatever arrived first. */
  private async standing(tx: Transaction, subscription: Subscription, now: Date): Promise<void> {
    const failing = await this.invoices.hasFailed(tx, subscription.external_id!);
    const status = statusOf(subscription.provider_status, failing);
    if (status === subscription.status) return;
    const before = {
      plan: subscription.plan,
      status: subscription.status,
      cancel: subscription.cancel_at_period_end,
    };
    const since = status === 'past_due' ? (subscription.past_due_since ?? now) : null;
    const saved = await this.subscriptions.save(
      tx,
      Object.assign(subscription, { status, past_due_since: since }),
    );
    await this.record(tx, saved, before);
    await this.entitlements.apply(tx, saved.tenant_id, `a payment changed it to ${status}`, now);
  }

  private async record(
    tx: Transaction,
    subscription: Subscription,
    before: { plan: string; status: string; cancel: boolean } | null,
  ): Promise<void> {
    const { plan, status, cancel_at_period_end: cancel } = subscription;
    if (!before)
      await this.recorder.subscription(tx, subscription, 'created', `Subscribed to ${plan} at Stripe`);
    else if (before.status !== status)
      await this.recorder.standing(tx, subscription, status, `Was ${before.status}, is ${status}`);
    if (before && before.plan !== plan)
      await this.recorder.subscription(tx, subscription, 'plan_changed', `From ${before.plan} to ${plan}`);
    if (before && before.cancel !== cancel && !hasEnded(status))
      await this.recorder.subscription(
        tx,
        subscription,
        cancel ? 'cancel_scheduled' : 'resumed',
        cancel ? 'Ends with its period' : 'Goes on after all',
      );
  }

  private async recordInvoice(tx: Transaction, invoice: Invoice, failed: boolean): Promise<void> {
    const money = formatMoney({ amount: invoice.amount_due, currency: invoice.currency });
    const note = (step: string, key: string, description: string) =>
      this.history.add(tx, invoiceStep(invoice, step, `${invoice.external_id}:${key}`, description));
    if (invoice.status !== 'draft') await note('issued', 'issued', `Invoice over ${money} was issued`);
    if (invoice.status === 'paid' && (await note('paid', 'paid', `Invoice over ${money} was paid`)))
      await this.recorder.invoicePaid(tx, invoice, `Invoice over ${money} was paid at Stripe`);
    if (failed)
      await note('payment_failed', `failed:${invoice.attempt_count}`, `A payment of ${money} failed`);
  }
}

const momentOfKnown = (s: Subscription): EventMoment | null =>
  s.event_at ? { at: s.event_at, rank: s.event_rank } : null;

const statusOf = (said: SubscriptionStatus, failing: boolean): SubscriptionStatus =>
  said === 'active' && failing ? 'past_due' : said;

const clamp = (at: Date, start: Date, end: Date): Date =>
  at < start ? start : at >= end ? new Date(end.getTime() - 1) : at;

/**
 * An invoice only moves forward: draft, open, then paid or void. Joining what two events say in that order gives the
 * same whichever came first. What was read from Stripe replaces everything.
 */
function mergeInvoice(
  known: Invoice | null,
  state: StripeInvoiceState,
  isTruth: boolean,
  failed: boolean,
  now: Date,
) {
  const older = known !== null && !isTruth && PROGRESS[state.status] < PROGRESS[known.status];
  const status = older ? known.status : state.status;
  const open = !FINAL.includes(status);
  return {
    status,
    number: state.number ?? known?.number ?? null,
    payment_failed: open && (failed || (known?.payment_failed ?? false)),
    attempt_count: Math.max(state.attemptCount, isTruth ? 0 : (known?.attempt_count ?? 0)),
    currency: state.currency,
    amount_due: older ? known.amount_due : state.amountDue,
    amount_paid: older ? known.amount_paid : state.amountPaid,
    lines: older ? known.lines : state.lines,
    period_start: state.periodStart,
    period_end: state.periodEnd,
    due_at: state.dueAt,
    paid_at: status === 'paid' ? (state.paidAt ?? known?.paid_at ?? now) : null,
    hosted_url: state.hostedUrl,
  };
}
