import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { PlansReadModel } from '../tenants/index.js';
import type { InvoiceLine } from './billing.types.js';
import { shortDate } from './periods.js';
import { rate, type Usage, usageLines } from './rating.js';
import type { Subscription } from './subscription.entity.js';
import { type UsageClosing, UsageRepository } from './usage.repository.js';
import { UsageCollector } from './usage-collector.js';

/** Turns the usage of a period that is over into the lines of an invoice. */
@Injectable()
export class UsageClosings {
  constructor(
    private readonly collector: UsageCollector,
    private readonly usage: UsageRepository,
    private readonly plans: PlansReadModel,
  ) {}

  /**
   * Closes the subscription's usage period at `end`. The plan of that moment counts for the whole of it. What came in
   * too late for the period before is billed now, at that period's prices.
   */
  async close(tx: Transaction, subscription: Subscription, end: Date): Promise<InvoiceLine[]> {
    const late = await this.lateUsage(tx, subscription);
    const period = { start: subscription.usage_period_start, end };
    if (period.start >= end) return late;
    await this.collector.collectBefore(tx, subscription.tenant_id, end);
    const used = await this.usage.sum(tx, subscription.tenant_id, period);
    const billed = subscription.status !== 'trialing';
    await this.usage.close(tx, subscription.tenant_id, {
      subscriptionId: subscription.id,
      period,
      plan: subscription.plan,
      planVersion: subscription.plan_version,
      requests: used.requests,
      bytes: used.bytes,
      billed,
    });
    if (!billed) return late;
    const plan = await this.plans.get(tx, subscription.plan, subscription.plan_version);
    return [...late, ...usageLines(plan, used, period)];
  }

  private async lateUsage(tx: Transaction, subscription: Subscription): Promise<InvoiceLine[]> {
    const last = await this.usage.lastClosing(tx, subscription.tenant_id, subscription.id);
    if (!last?.billed) return [];
    const now = await this.usage.sum(tx, subscription.tenant_id, last.period);
    if (now.requests <= last.requests && now.bytes <= last.bytes) return [];
    await this.usage.close(tx, subscription.tenant_id, { ...last, requests: now.requests, bytes: now.bytes });
    return this.difference(tx, last, now);
  }

  private async difference(tx: Transaction, last: UsageClosing, now: Usage): Promise<InvoiceLine[]> {
    const plan = await this.plans.get(tx, last.plan, last.planVersion);
    const before = rate(plan, { requests: last.requests, bytes: last.bytes, aiJobs: 0 });
    const after = rate(plan, { requests: now.requests, bytes: now.bytes, aiJobs: 0 });
    return after
      .map((m, i) => ({
        meter: m.meter,
        over: m.overage - before[i]!.overage,
        amount: m.amount - before[i]!.amount,
      }))
      .filter((d) => d.amount !== 0)
      .map((d) => ({
        description: `Counted after the invoice of ${shortDate(last.period.end)}: ${d.meter}`,
        quantity: d.over,
        amount: d.amount,
        period_start: last.period.start.toISOString(),
        period_end: last.period.end.toISOString(),
      }));
  }
}
