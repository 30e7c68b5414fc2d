import { Injectable } from '@nestjs/common';
import { DAY_MS } from '../../common/durations.js';
import type { Transaction } from '../../platform/database/index.js';
import { type Plan, PlansReadModel, TenantPlans } from '../tenants/index.js';
import type { Subscription } from './subscription.entity.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** How long a tenant keeps its plan after a payment failed or an invoice fell due. */
export const GRACE_DAYS = 7;

/** Whether the subscription is good for its plan at this moment. */
function entitles(subscription: Subscription, now: Date): boolean {
  if (subscription.status === 'active' || subscription.status === 'trialing') return true;
  if (subscription.status !== 'past_due') return false;
  const since = subscription.past_due_since ?? now;
  return since.getTime() + GRACE_DAYS * DAY_MS > now.getTime();
}

/** Says which plan a tenant is on. It depends on the state of its subscriptions only, never on the order of events. */
@Injectable()
export class Entitlements {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly plans: PlansReadModel,
    private readonly tenants: TenantPlans,
  ) {}

  /** The highest plan that a subscription is good for; the free one when there is none. */
  async planFor(tx: Transaction, tenantId: string, now: Date): Promise<Plan> {
    const good = (await this.subscriptions.live(tx, tenantId)).filter((s) => entitles(s, now));
    const plans = await Promise.all(good.map((s) => this.plans.get(tx, s.plan, s.plan_version)));
    const best = plans.reduce<Plan | null>((a, b) => (a && a.rank >= b.rank ? a : b), null);
    return best ?? this.plans.newest(tx, 'free');
  }

  /** Puts the tenant on that plan. */
  async apply(tx: Transaction, tenantId: string, reason: string, now: Date): Promise<void> {
    await this.tenants.put(tx, tenantId, await this.planFor(tx, tenantId, now), reason);
  }
}
