import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { currentMonth, type Plan, PlansReadModel } from '../tenants/index.js';
import type { Period } from './billing.types.js';
import { periodAt } from './periods.js';
import { costOf, free, type RatedMeter, rate, type Usage } from './rating.js';
import type { Subscription } from './subscription.entity.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';
import { UsageRepository } from './usage.repository.js';

export interface CurrentUsage {
  plan: Plan;
  period: Period;
  meters: RatedMeter[];
  /** Requests carried. */
  requests: number;
  /**
   * Minor units of the plan's currency; what usage over the included amounts has cost so far. 0 in a trial. Without a
   * subscription it is what the plan that an operator gave would cost; no invoice is made of it.
   */
  cost: number;
}

/** Where usage is counted from: the subscription's month, or the calendar month (UTC) without a subscription. */
export function usagePeriodOf(subscription: Subscription | null, now: Date): Period {
  if (!subscription) return currentMonth(now);
  if (subscription.provider === 'builtin') return subscription.usagePeriod;
  return periodAt(subscription.anchor, 1, now);
}

/** What a tenant used in its period so far and what that will cost, in minor units. */
@Injectable()
export class UsageService {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly plans: PlansReadModel,
    private readonly usage: UsageRepository,
  ) {}

  async current(tx: Transaction, tenantId: string, now = new Date()): Promise<CurrentUsage> {
    const subscription = await this.subscriptions.current(tx, tenantId);
    const plan = await this.plans.ofTenant(tx, tenantId);
    const period = usagePeriodOf(subscription, now);
    const used = await this.usage.sum(tx, tenantId, period);
    const meters = await this.rate(tx, subscription, plan, used);
    return { plan, period, meters, requests: used.requests, cost: costOf(meters) };
  }

  /** As the invoice will: by the subscription's plan, also while the tenant has lost it; a trial costs nothing. */
  private async rate(tx: Transaction, subscription: Subscription | null, plan: Plan, used: Usage) {
    if (!subscription) return rate(plan, used);
    const billed = await this.plans.get(tx, subscription.plan, subscription.plan_version);
    const meters = rate(billed, used, plan);
    return subscription.status === 'trialing' ? free(meters) : meters;
  }
}
