import { DAY_MS, MINUTE_MS } from '../../common/durations.js';
import type { BillingCycle, Period } from './billing.types.js';

/** Length of a billing period, in months. */
export const monthsOf = (cycle: BillingCycle): number => (cycle === 'yearly' ? 12 : 1);

/** Usage is counted by the minute, so every period begins and ends with one. */
export const startOfMinute = (at: Date): Date => new Date(Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS);

/** The same day and time `months` later, UTC; the last day of a month that is too short (31 January → 28 February). */
export function addMonths(anchor: Date, months: number): Date {
  const month = anchor.getUTCMonth() + months;
  const lastDay = new Date(Date.UTC(anchor.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const day = Math.min(anchor.getUTCDate(), lastDay);
  const midnight = Date.UTC(anchor.getUTCFullYear(), month, day);
  return new Date(midnight + (anchor.getTime() % DAY_MS));
}

/**
 * The period of `months` months that contains `at`. All of them are counted from the anchor, so a short February
 * does not move the ones after it.
 */
export function periodAt(anchor: Date, months: number, at: Date): Period {
  const apart =
    (at.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + at.getUTCMonth() - anchor.getUTCMonth();
  let n = Math.floor(apart / months);
  while (addMonths(anchor, n * months) > at) n--;
  while (addMonths(anchor, (n + 1) * months) <= at) n++;
  return { start: addMonths(anchor, n * months), end: addMonths(anchor, (n + 1) * months) };
}

/** The day in UTC: `2026-06-19`. */
export const shortDate = (at: Date): string => at.toISOString().slice(0, 10);

/** First billing and usage periods of terms that begin at `start`. */
export const periodsFrom = (start: Date, months: number) => {
  const period = periodAt(start, months, start);
  const usage = periodAt(start, 1, start);
  return {
    anchor: start,
    current_period_start: period.start,
    current_period_end: period.end,
    usage_period_start: usage.start,
    usage_period_end: usage.end,
  };
};
