import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DAY_MS } from '../../common/durations.js';
import type { Transaction } from '../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { PlansReadModel } from '../tenants/index.js';
import type { InvoiceLine } from './billing.types.js';
import { BillingRecord } from './billing-record.js';
import { Entitlements, GRACE_DAYS } from './entitlements.service.js';
import { InvoicesRepository } from './invoices.repository.js';
import { Invoicing } from './invoicing.service.js';
import { monthsOf, periodAt, periodsFrom } from './periods.js';
import { priceOf } from './plan-change.js';
import { wholePeriod } from './proration.js';
import type { Subscription } from './subscription.entity.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';
import { UsageRepository } from './usage.repository.js';
import { UsageClosings } from './usage-closings.js';

const EVERY_MS = 30_000;
/** A period is closed this long after its end, when the data planes have reported what they counted in it. */
const SETTLE_MS = 2 * 60_000;
const BATCH = 100;

type Ref = { id: string; tenant_id: string };

/**
 * The calendar of the built-in billing: periods roll over, invoices are issued, overdue ones have consequences. The
 * leader does it, one subscription a transaction, and a transaction that is cut off leaves the subscription due: the
 * next run, of this node or another, begins it again.
 */
@Injectable()
export class Renewals implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('renewals');
  private periodic?: Periodic;

  constructor(
    private readonly leader: Leader,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly invoices: InvoicesRepository,
    private readonly usage: UsageRepository,
    private readonly plans: PlansReadModel,
    private readonly closings: UsageClosings,
    private readonly invoicing: Invoicing,
    private readonly entitlements: Entitlements,
    private readonly recorder: BillingRecord,
  ) {}

  onApplicationBootstrap(): void {
    this.periodic = repeat('renewals', EVERY_MS, async () => {
      if (this.leader.isLeader) await this.run(new Date());
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic?.stop();
  }

  /** Everything that is due at `now`. */
  async run(now: Date): Promise<void> {
    let progress = true;
    while (progress) {
      const due = await this.leader.lead((tx) => this.due(tx, now));
      progress = await this.each(due, (tx, ref) => this.rollOver(tx, ref, now));
    }
    const overdue = await this.leader.lead((tx) => this.invoices.overdueSubscriptions(tx, now));
    await this.each(overdue, (tx, ref) => this.fallDue(tx, ref, now));
    const graceEnd = new Date(now.getTime() - GRACE_DAYS * DAY_MS);
    const ended = await this.leader.lead((tx) => this.subscriptions.pastGrace(tx, graceEnd));
    await this.each(ended, (tx, ref) => this.endGrace(tx, ref, now));
  }

  /** A period is closed only when the ledger has all of it. */
  private async due(tx: Transaction, now: Date): Promise<Ref[]> {
    const collected = await this.usage.collectedUntil(tx);
    const settled = Math.min(now.getTime() - SETTLE_MS, collected.getTime());
    return this.subscriptions.due(tx, new Date(settled), BATCH);
  }

  /** One transaction each; one that fails holds nothing else up. @returns whether any succeeded */
  private async each(refs: Ref[], work: (tx: Transaction, ref: Ref) => Promise<void>): Promise<boolean> {
    let succeeded = false;
    for (const ref of refs) {
      try {
        await this.leader.lead((tx) => work(tx, ref));
        succeeded = true;
      } catch (e) {
        if (!this.leader.isLeader) throw e;
        this.logger.error(`${ref.id}: ${(e as Error).message}`);
      }
    }
    return succeeded;
  }

  /** One usage period further; a subscription that is several behind comes again. */
  private async rollOver(tx: Transaction, { id, tenant_id }: Ref, now: Date): Promise<void> {
    const subscription = await this.subscriptions.lock(tx, tenant_id, id);
    if (subscription.usage_period_end > now || subscription.ended_at) return;
    const end = subscription.usage_period_end;
    const lines = await this.closings.close(tx, subscription, end);
    const periodEnds = subscription.current_period_end <= end;
    if (periodEnds && (subscription.cancel_at_period_end || subscription.status === 'unpaid'))
      await this.end(tx, subscription, lines, now);
    else if (periodEnds) await this.renew(tx, subscription, lines, now);
    else await this.nextUsagePeriod(tx, subscription, lines, now);
  }

  /** In the middle of a yearly period: usage only. */
  private async nextUsagePeriod(
    tx: Transaction,
    subscription: Subscription,
    lines: InvoiceLine[],
    now: Date,
  ) {
    const closed = subscription.usagePeriod;
    const next = periodAt(subscription.anchor, 1, closed.end);
    Object.assign(subscription, { usage_period_start: next.start, usage_period_end: next.end });
    const saved = await this.subscriptions.save(tx, subscription);
    const key = `usage:${closed.start.toISOString()}`;
    await this.invoicing.issue(tx, { subscription: saved, key, reason: 'usage', lines, period: closed }, now);
  }

  private async renew(tx: Transaction, subscription: Subscription, usage: InvoiceLine[], now: Date) {
    const start = subscription.current_period_end;
    await this.applyPending(tx, subscription);
    const months = monthsOf(subscription.billing_cycle);
    const anchored = subscription.status !== 'trialing' && subscription.pending_cycle === null;
    const period = anchored ? periodAt(subscription.anchor, months, start) : null;
    const usagePeriod = anchored ? periodAt(subscription.anchor, 1, start) : null;
    Object.assign(
      subscription,
      period && usagePeriod
        ? {
            current_period_start: period.start,
            current_period_end: period.end,
            usage_period_start: usagePeriod.start,
            usage_period_end: usagePeriod.end,
          }
        : periodsFrom(start, months),
      { pending_plan: null, pending_plan_version: null, pending_cycle: null },
    );
    if (subscription.status === 'trialing')
      Object.assign(subscription, { status: 'active', provider_status: 'active' });
    const saved = await this.subscriptions.save(tx, subscription);
    const plan = await this.plans.get(tx, saved.plan, saved.plan_version);
    await this.recorder.subscription(
      tx,
      saved,
      'renewed',
      `${plan.name} until ${saved.current_period_end.toISOString()}`,
    );
    const lines = [...usage, wholePeriod({ name: plan.name, price: saved.amount }, saved.period)];
    const key = `period:${start.toISOString()}`;
    await this.invoicing.issue(
      tx,
      { subscription: saved, key, reason: 'subscription_cycle', lines, period: saved.period },
      now,
    );
    await this.entitlements.apply(tx, saved.tenant_id, 'renewed', now);
  }

  private async applyPending(tx: Transaction, subscription: Subscription): Promise<void> {
    if (!subscription.pending_plan || !subscription.pending_plan_version) return;
    const plan = await this.plans.get(tx, subscription.pending_plan, subscription.pending_plan_version);
    const cycle = subscription.pending_cycle ?? subscription.billing_cycle;
    // the same cycle goes on from the same anchor
    if (cycle === subscription.billing_cycle) subscription.pending_cycle = null;
    Object.assign(subscription, {
      plan: plan.id,
      plan_version: plan.version,
      billing_cycle: cycle,
      amount: priceOf(plan, cycle),
    });
  }

  private async end(tx: Transaction, subscription: Subscription, lines: InvoiceLine[], now: Date) {
    const period = subscription.usagePeriod;
    const ended = {
      status: 'canceled',
      provider_status: 'canceled',
      ended_at: subscription.current_period_end,
    };
    const saved = await this.subscriptions.save(tx, Object.assign(subscription, ended));
    await this.recorder.standing(tx, saved, 'ended', `The subscription ended`);
    const key = `end:${period.start.toISOString()}`;
    await this.invoicing.issue(tx, { subscription: saved, key, reason: 'usage', lines, period }, now);
    await this.entitlements.apply(tx, saved.tenant_id, 'the subscription ended', now);
  }

  private async fallDue(tx: Transaction, { id, tenant_id }: Ref, now: Date): Promise<void> {
    const subscription = await this.subscriptions.lock(tx, tenant_id, id);
    if (subscription.status !== 'active' || !(await this.invoices.hasOverdue(tx, tenant_id, id, now))) return;
    Object.assign(subscription, { status: 'past_due', provider_status: 'past_due', past_due_since: now });
    const saved = await this.subscriptions.save(tx, subscription);
    const text = `An invoice is overdue; the plan stays for ${GRACE_DAYS} days`;
    await this.recorder.standing(tx, saved, 'past_due', text);
  }

  /** The tenant falls back to what its other subscriptions are good for, if any. */
  private async endGrace(tx: Transaction, { id, tenant_id }: Ref, now: Date): Promise<void> {
    const subscription = await this.subscriptions.lock(tx, tenant_id, id);
    if (subscription.status !== 'past_due') return;
    if (subscription.provider === 'builtin') {
      Object.assign(subscription, { status: 'unpaid', provider_status: 'unpaid' });
      const saved = await this.subscriptions.save(tx, subscription);
      await this.recorder.standing(tx, saved, 'unpaid', 'The grace period ended without a payment');
    }
    await this.entitlements.apply(tx, tenant_id, 'the grace period ended', now);
  }
}
