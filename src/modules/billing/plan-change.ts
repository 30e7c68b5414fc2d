import type { Plan } from '../tenants/index.js';
import type { BillingCycle } from './billing.types.js';

/** Price of a period in minor units. */
export const priceOf = (plan: Plan, cycle: BillingCycle): number =>
  cycle === 'yearly' ? plan.priceYearly : plan.priceMonthly;

export type ChangeKind =
  /** Nothing changes; a pending change is taken back. */
  | 'none'
  /** At once: more expensive terms. */
  | 'upgrade'
  /** When the period that is paid for ends. */
  | 'downgrade';

interface Terms {
  plan: Plan;
  cycle: BillingCycle;
}

/**
 * More for more money is in effect at once, less waits for the end of the period: a higher plan, or the same one by
 * the year instead of the month, is an upgrade.
 */
export function changeKind(from: Terms, to: Terms): ChangeKind {
  if (to.plan.rank !== from.plan.rank) return to.plan.rank > from.plan.rank ? 'upgrade' : 'downgrade';
  if (to.cycle === from.cycle) return 'none';
  return to.cycle === 'yearly' ? 'upgrade' : 'downgrade';
}
