/**
 * Money is an integer number of the currency's minor unit (cents) together with an ISO 4217 code in upper case.
 * Amounts stay far below 2^53; products are formed in BigInt, so nothing is lost on the way to the one rounding.
 */
export interface Money {
  amount: number;
  currency: string;
}

/** `numerator / denominator` as an integer, halves away from zero (ISO 80000-1 rule A for both signs). */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError('the denominator must be positive');
  const sign = numerator < 0n ? -1n : 1n;
  return (sign * (2n * sign * numerator + denominator)) / (2n * denominator);
}

/** `amount × numerator / denominator`, rounded once, halves away from zero. All of them integers. */
export const scale = (amount: number, numerator: number, denominator: number): number =>
  Number(divideRounded(BigInt(amount) * BigInt(numerator), BigInt(denominator)));

/**
 * Splits an amount in proportion to the weights by largest remainder (Hamilton's method): the parts always add up to
 * the amount, and each is less than one minor unit from its exact share. Earlier parts win ties.
 * @param weights integers, none negative, not all zero
 */
export function allocate(amount: number, weights: readonly number[]): number[] {
  const total = weights.reduce((sum, w) => sum + BigInt(w), 0n);
  if (total <= 0n) throw new RangeError('the weights must not all be zero');
  const sign = amount < 0 ? -1 : 1;
  const exact = weights.map((w) => BigInt(Math.abs(amount)) * BigInt(w));
  const parts = exact.map((e) => e / total);
  let left = BigInt(Math.abs(amount)) - parts.reduce((a, b) => a + b, 0n);
  const byRemainder = exact
    .map((e, index) => ({ index, remainder: e % total }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder < b.remainder ? 1 : -1));
  for (const { index } of byRemainder) {
    if (left === 0n) break;
    parts[index]! += 1n;
    left -= 1n;
  }
  // + 0 turns -0, which JSON would show as 0 and toEqual would not, into 0
  return parts.map((p) => sign * Number(p) + 0);
}

/** How many decimals the currency has: 2 for USD, 0 for JPY, 3 for KWD (ISO 4217, as ICU has it). */
const minorDigits = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;

/** 2999 USD → 29.99, for the answers in which the documents show a decimal number. */
export const toDecimal = ({ amount, currency }: Money): number => amount / 10 ** minorDigits(currency);

/** 2999 USD → `29.99 USD`, for people. */
export const formatMoney = ({ amount, currency }: Money): string =>
  `${toDecimal({ amount, currency }).toFixed(minorDigits(currency))} ${currency}`;
