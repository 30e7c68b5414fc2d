import { fc } from '../../test/support/property.js';
import { allocate, divideRounded, formatMoney, scale, toDecimal } from './money.js';

describe('money', () => {
  it('rounds halves away from zero, for both signs', () => {
    const half = [5n, 15n, -5n, -15n, 4n, -4n, 6n, -6n].map((n) => divideRounded(n, 10n));
    expect(half).toEqual([1n, 2n, -1n, -2n, 0n, 0n, 1n, -1n]);
    expect(scale(2999, 1, 2)).toBe(1500);
    expect(scale(-2999, 1, 2)).toBe(-1500);
  });

  it('is never further than half a unit from the exact quotient', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.bigInt(1n, 10n ** 9n), (n, d) => {
        const error = 2n * (divideRounded(n, d) * d - n);
        expect(error <= d && error >= -d).toBe(true);
      }),
    );
  });

  it('splits so that the parts add up, each within a unit of its share', () => {
    const weights = fc
      .array(fc.nat(10 ** 9), { minLength: 1, maxLength: 20 })
      .filter((w) => w.some((x) => x > 0));
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 12), max: 10 ** 12 }), weights, (amount, w) => {
        const parts = allocate(amount, w);
        const total = w.reduce((a, b) => a + b, 0);
        expect(parts.reduce((a, b) => a + b, 0)).toBe(amount);
        for (const [i, part] of parts.entries())
          expect(Math.abs(part - (amount * w[i]!) / total)).toBeLessThan(1.001);
      }),
    );
  });

  it('gives nothing to a weight of zero', () => {
    expect(allocate(100, [0, 1, 0, 2])).toEqual([0, 33, 0, 67]);
  });

  it('shows each currency with its own decimals', () => {
    expect(toDecimal({ amount: 2999, currency: 'USD' })).toBe(29.99);
    expect(toDecimal({ amount: 2999, currency: 'JPY' })).toBe(2999);
    expect(formatMoney({ amount: -2990, currency: 'USD' })).toBe('-29.90 USD');
  });
});
