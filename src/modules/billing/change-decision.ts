import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { type Plan, PlanLimits, PlansReadModel } from '../tenants/index.js';
import { exceedsPlan, notAnUpgrade, paymentOutstanding, subscriptionEnded } from './billing.errors.js';
import { type BillingCycle, isLive, type SubscriptionChange } from './billing.types.js';
import { type ChangeKind, changeKind } from './plan-change.js';
import type { Subscription } from './subscription.entity.js';

export interface ChangeDecision {
  kind: ChangeKind;
  from: Plan;
  to: Plan;
  cycle: BillingCycle;
  /** What becomes of the end with the period; undefined: it stays as it is. */
  cancel: boolean | undefined;
}

/** Decides what a wanted change of terms means; the same for both providers. */
@Injectable()
export class ChangeDecisions {
  constructor(
    private readonly plans: PlansReadModel,
    private readonly limits: PlanLimits,
  ) {}

  /**
   * @throws AppError 409 SUBSCRIPTION_ENDED; PAYMENT_OUTSTANDING; NOT_AN_UPGRADE where only one was asked for;
   *   PLAN_LIMIT_EXCEEDED naming what the tenant has more of than a lower plan allows
   */
  async decide(
    tx: Transaction,
    subscription: Subscription,
    change: SubscriptionChange,
  ): Promise<ChangeDecision> {
    if (!isLive(subscription.status)) throw subscriptionEnded();
    const from = await this.plans.get(tx, subscription.plan, subscription.plan_version);
    const sameplan = change.plan === undefined || change.plan === subscription.plan;
    const to = sameplan ? from : await this.plans.newest(tx, change.plan!);
    const cycle =
      to.id === 'free' ? subscription.billing_cycle : (change.cycle ?? subscription.billing_cycle);
    const kind = changeKind({ plan: from, cycle: subscription.billing_cycle }, { plan: to, cycle });
    if (change.onlyUpgrade && kind !== 'upgrade') throw notAnUpgrade(from.id, to.id);
    if (kind === 'upgrade' && !['active', 'trialing'].includes(subscription.status))
      throw paymentOutstanding();
    if (kind === 'downgrade') await this.requireFit(tx, subscription.tenant_id, to);
    return { kind, from, to, cycle, cancel: cancelOf(change, kind) };
  }

  private async requireFit(tx: Transaction, tenantId: string, plan: Plan): Promise<void> {
    const excess = await this.limits.excessOf(tx, tenantId, plan);
    if (excess.length) throw exceedsPlan(plan.id, excess);
  }
}

/**
 * Going down to the free plan is an end with the period. Whoever names a plan for the time after the period, the present
 * one or a lower one, wants to go on; an upgrade says nothing of that time.
 */
function cancelOf({ plan, cancelAtPeriodEnd }: SubscriptionChange, kind: ChangeKind): boolean | undefined {
  if (plan === 'free') return true;
  if (cancelAtPeriodEnd !== undefined) return cancelAtPeriodEnd;
  return plan !== undefined && kind !== 'upgrade' ? false : undefined;
}
