import { scale } from '../../common/money.js';
import type { Plan } from '../tenants/index.js';
import type { InvoiceLine, Period } from './billing.types.js';
import { shortDate } from './periods.js';

/** What a tenant used in a period. */
export interface Usage {
  requests: number;
  /** Both ways. */
  bytes: number;
  aiJobs: number;
}

export interface RatedMeter {
  meter: 'requests' | 'bandwidth_gb' | 'ai_jobs';
  quantity: number;
  /** Null: no limit. */
  included: number | null;
  overage: number;
  /** Minor units. */
  amount: number;
}

const BYTES_PER_GB = 1e9;
const over = (quantity: number, included: number): number => Math.max(0, quantity - included);

/** Requests over the included ones, at the plan's price a million, rounded once a line, halves away from zero. */
function rateRequests(plan: Plan, requests: number): RatedMeter {
  const overage = over(requests, plan.included.requests);
  const price = plan.overage.perMillionRequests ?? 0;
  const amount = scale(overage, price, 1_000_000);
  return { meter: 'requests', quantity: requests, included: plan.included.requests, overage, amount };
}

/** Traffic over the included one, at the plan's price a gigabyte (10^9 bytes), exact to the byte before rounding. */
function rateTraffic(plan: Plan, bytes: number): RatedMeter {
  const overage = over(bytes, plan.included.bytes);
  return {
    meter: 'bandwidth_gb',
    quantity: bytes / BYTES_PER_GB,
    included: plan.included.bytes / BYTES_PER_GB,
    overage: overage / BYTES_PER_GB,
    amount: scale(overage, plan.overage.perGigabyte ?? 0, BYTES_PER_GB),
  };
}

/** AI jobs are limited, never billed. */
function rateAiJobs(plan: Plan, jobs: number): RatedMeter {
  return { meter: 'ai_jobs', quantity: jobs, included: plan.limits.aiJobsPerMonth, overage: 0, amount: 0 };
}

/** @param limits whose limits hold, when that is another plan than the one that is billed */
export const rate = (plan: Plan, usage: Usage, limits = plan): RatedMeter[] => [
  rateRequests(plan, usage.requests),
  rateTraffic(plan, usage.bytes),
  rateAiJobs(limits, usage.aiJobs),
];

/** The same usage where nothing is billed. */
export const free = (meters: readonly RatedMeter[]): RatedMeter[] =>
  meters.map((meter) => ({ ...meter, amount: 0 }));

/** Sum in minor units. */
export const costOf = (meters: readonly RatedMeter[]): number => meters.reduce((sum, m) => sum + m.amount, 0);

const WORDS: Record<RatedMeter['meter'], (m: RatedMeter) => string> = {
  requests: (m) => `Requests over ${m.included}`,
  bandwidth_gb: (m) => `Traffic in GB over ${m.included}`,
  ai_jobs: () => 'AI jobs',
};

/** The lines of an invoice for usage that costs something. */
export const usageLines = (plan: Plan, usage: Usage, period: Period): InvoiceLine[] =>
  rate(plan, usage)
    .filter((m) => m.amount !== 0)
    .map((m) => ({
      description: `${WORDS[m.meter](m)}, ${shortDate(period.start)} to ${shortDate(period.end)}`,
      quantity: m.overage,
      amount: m.amount,
      period_start: period.start.toISOString(),
      period_end: period.end.toISOString(),
    }));
