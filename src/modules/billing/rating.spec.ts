import { fc } from '../../../test/support/property.js';
import type { Plan } from '../tenants/index.js';
import { costOf, rate, usageLines } from './rating.js';

const plan: Plan = {
  id: 'basic',
  version: 1,
  name: 'Basic',
  rank: 1,
  currency: 'USD',
  priceMonthly: 999,
  priceYearly: 9990,
  trialDays: 14,
  limits: {
    pools: 1,
    backends: 1,
    routes: 1,
    users: 1,
    requestsPerMonth: 1,
    aiJobsPerMonth: 100,
    sso: false,
    backupsKept: 7,
  },
  included: { requests: 1_000_000, bytes: 100e9 },
  overage: { perMillionRequests: 500, perGigabyte: 9 },
  features: [],
};
const period = { start: new Date('2026-06-01T00:00:00Z'), end: new Date('2026-07-01T00:00:00Z') };

describe('rating', () => {
  it('costs nothing up to the included amounts', () => {
    const meters = rate(plan, { requests: 1_000_000, bytes: 100e9, aiJobs: 100 });
    expect(meters.map((m) => [m.overage, m.amount])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(usageLines(plan, { requests: 1_000_000, bytes: 100e9, aiJobs: 100 }, period)).toEqual([]);
  });

  it('prices what is over them by the single request and byte, and rounds once a line, halves away from zero', () => {
    // 250,000 × 500 / 1,000,000 = 125; 1,000 requests are half a cent
    expect(rate(plan, { requests: 1_250_000, bytes: 0, aiJobs: 0 })[0]!.amount).toBe(125);
    expect(rate(plan, { requests: 1_001_000, bytes: 0, aiJobs: 0 })[0]!.amount).toBe(1);
    expect(rate(plan, { requests: 1_000_999, bytes: 0, aiJobs: 0 })[0]!.amount).toBe(0);
    expect(rate(plan, { requests: 0, bytes: 112.5e9, aiJobs: 0 })[1]!).toMatchObject({
      quantity: 112.5,
      included: 100,
      overage: 12.5,
      amount: 113,
    });
  });

  it('bills nothing where the plan has no price', () => {
    const free = { ...plan, overage: { perMillionRequests: null, perGigabyte: null } };
    expect(costOf(rate(free, { requests: 9e9, bytes: 9e15, aiJobs: 0 }))).toBe(0);
  });

  it('puts on the invoice exactly what the meters cost, and more usage never costs less', () => {
    const usage = fc.record({ requests: fc.nat(2 ** 40), bytes: fc.nat(2 ** 50), aiJobs: fc.nat(1000) });
    fc.assert(
      fc.property(usage, fc.nat(10_000), (used, more) => {
        const cost = costOf(rate(plan, used));
        expect(usageLines(plan, used, period).reduce((sum, l) => sum + l.amount, 0)).toBe(cost);
        expect(costOf(rate(plan, { ...used, requests: used.requests + more }))).toBeGreaterThanOrEqual(cost);
      }),
    );
  });
});
