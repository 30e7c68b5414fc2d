import { fc } from '../../../test/support/property.js';
import { prorate, splitPrice, sumOf } from './proration.js';

const START = Date.UTC(2026, 0, 1);
const price = fc.nat(10_000_000);
const period = fc
  .tuple(fc.nat(86_400_000 * 365), fc.integer({ min: 60_000, max: 86_400_000 * 366 }))
  .map(([offset, length]) => ({ start: new Date(START + offset), end: new Date(START + offset + length) }));
const share = fc.double({ min: -0.1, max: 1.1, noNaN: true });

describe('proration', () => {
  it('splits a price so that used and unused are the whole of it, wherever the instant is', () => {
    fc.assert(
      fc.property(price, period, share, (amount, { start, end }, where) => {
        const at = new Date(Math.round(start.getTime() + where * (end.getTime() - start.getTime())));
        const { used, unused } = splitPrice(amount, { start, end }, at);
        expect(used + unused).toBe(amount);
        expect(used >= 0 && unused >= 0).toBe(true);
        const exact = amount * Math.min(Math.max(where, 0), 1);
        expect(Math.abs(used - exact)).toBeLessThan(1.01 + amount / 60_000);
      }),
    );
  });

  it('costs over several upgrades what each plan costs for its time, to within a cent a change', () => {
    const prices = fc.array(price, { minLength: 2, maxLength: 6 }).map((p) => p.sort((a, b) => a - b));
    fc.assert(
      fc.property(prices, period, (plans, { start, end }) => {
        const length = end.getTime() - start.getTime();
        let paid = plans[0]!;
        let exact = 0;
        for (let i = 1; i < plans.length; i++) {
          const at = new Date(start.getTime() + Math.floor((length * i) / plans.length));
          const lines = prorate(
            { name: 'a', price: plans[i - 1]! },
            { name: 'b', price: plans[i]! },
            { start, end },
            at,
          );
          expect(lines).toHaveLength(2);
          expect(sumOf(lines)).toBeGreaterThanOrEqual(-1);
          paid += sumOf(lines);
        }
        for (let i = 0; i < plans.length; i++) {
          const from = Math.floor((length * i) / plans.length);
          const to = i + 1 === plans.length ? length : Math.floor((length * (i + 1)) / plans.length);
          exact += (plans[i]! * (to - from)) / length;
        }
        expect(Math.abs(paid - exact)).toBeLessThanOrEqual(2 * plans.length);
      }),
    );
  });

  it('shows half a month of two plans as a credit and a charge', () => {
    const month = { start: new Date('2026-06-01T00:00:00Z'), end: new Date('2026-07-01T00:00:00Z') };
    const lines = prorate(
      { name: 'Basic', price: 999 },
      { name: 'Professional', price: 2999 },
      month,
      new Date('2026-06-16T00:00:00Z'),
    );
    expect(lines.map((l) => [l.description, l.amount])).toEqual([
      ['Unused time on Basic', -499],
      ['Remaining time on Professional', 1499],
    ]);
  });
});
