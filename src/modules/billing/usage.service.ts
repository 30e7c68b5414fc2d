import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { currentMonth, type Plan, PlansReadModel } from '../tenants/index.js';
import type { Period } from './billing.types.js';
import { periodAt } from './periods.js';
import { costOf, type RatedMeter, rate } from './rating.js';
import type { Subscription } from './subscription.entity.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';
import { UsageRepository } from './usage.repository.js';

export interface CurrentUsage {
  plan: Plan;
  period: Period;
  meters: RatedMeter[];
  /** Requests carried. */
  requests: number;
  /** Minor units of the plan's currency; what usage over the included amounts has cost so far. */
  cost: number;
}

/** Where usage is counted from: the subscription's month, or the calendar month (UTC) without a subscription. */
export function usagePeriodOf(subscription: Subscription | null, now: Date): Period {
  if (!subscription) return currentMonth(now);
  if (subscription.provider === 'builtin') return subscription.usagePeriod;
  return periodAt(subscription.anchor, 1, now);
}

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
    const meters = rate(plan, used);
    return { plan, period, meters, requests: used.requests, cost: costOf(meters) };
  }
}
