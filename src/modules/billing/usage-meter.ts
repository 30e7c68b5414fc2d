import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { PlansReadModel, planLimitReached, TenantPlans } from '../tenants/index.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';
import { UsageRepository } from './usage.repository.js';
import { usagePeriodOf } from './usage.service.js';

/** Meters that other modules count themselves; traffic comes from telemetry. */
export type Meter = 'ai_jobs';

/** Counts what a tenant uses besides traffic, in the transaction that does the work. */
@Injectable()
export class UsageMeter {
  constructor(
    private readonly usage: UsageRepository,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly plans: PlansReadModel,
    private readonly tenants: TenantPlans,
  ) {}

  /**
   * Counts `quantity` once for `key`, whoever calls again with it; within the plan's limit, also when many call at once.
   * @param quantity a positive integer
   * @throws AppError 403 PLAN_LIMIT_REACHED, which rolls the caller's work back
   */
  async record(
    tx: Transaction,
    tenantId: string,
    meter: Meter,
    quantity: number,
    key: string,
  ): Promise<void> {
    await this.tenants.lock(tx, tenantId);
    if (await this.usage.hasEvent(tx, tenantId, meter, key)) return;
    const plan = await this.plans.ofTenant(tx, tenantId);
    const limit = plan.limits.aiJobsPerMonth;
    if (limit !== null) {
      const period = usagePeriodOf(await this.subscriptions.current(tx, tenantId), new Date());
      const { aiJobs } = await this.usage.sum(tx, tenantId, period);
      if (aiJobs + quantity > limit) throw await this.limitReached(tx, plan.rank, tenantId, limit);
    }
    await this.usage.addEvent(tx, tenantId, meter, key, quantity);
  }

  private async limitReached(tx: Transaction, rank: number, tenantId: string, limit: number) {
    const roomier = (await this.plans.onSale(tx)).find(
      (p) => p.rank > rank && (p.limits.aiJobsPerMonth === null || p.limits.aiJobsPerMonth > limit),
    );
    return planLimitReached(
      await this.plans.ofTenant(tx, tenantId),
      'AI jobs a month',
      limit,
      roomier ?? null,
    );
  }
}
