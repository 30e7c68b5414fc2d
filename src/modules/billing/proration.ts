import { allocate } from '../../common/money.js';
import type { InvoiceLine, Period } from './billing.types.js';

/** Price of a plan for the whole of a period, minor units. */
export interface PricedPlan {
  name: string;
  price: number;
}

/**
 * Splits the price of a period at an instant, by the millisecond and largest remainder: used + unused is the price.
 */
export function splitPrice(price: number, period: Period, at: Date): { used: number; unused: number } {
  const length = period.end.getTime() - period.start.getTime();
  const elapsed = Math.min(Math.max(at.getTime() - period.start.getTime(), 0), length);
  const [used, unused] = allocate(price, [elapsed, length - elapsed]);
  return { used: used!, unused: unused! };
}

const line = (description: string, amount: number, start: Date, end: Date): InvoiceLine => ({
  description,
  quantity: 1,
  amount,
  period_start: start.toISOString(),
  period_end: end.toISOString(),
});

/** What is given back for the rest of a period that was paid in advance. */
export const unusedTime = (plan: PricedPlan, period: Period, at: Date): InvoiceLine =>
  line(`Unused time on ${plan.name}`, 0 - splitPrice(plan.price, period, at).unused, at, period.end);

/** What the rest of the period costs. */
const remainingTime = (plan: PricedPlan, period: Period, at: Date): InvoiceLine =>
  line(`Remaining time on ${plan.name}`, splitPrice(plan.price, period, at).unused, at, period.end);

/** A whole period in advance. */
export const wholePeriod = (plan: PricedPlan, period: Period): InvoiceLine =>
  line(plan.name, plan.price, period.start, period.end);

/** A plan for another one in the middle of a period that goes on. */
export const prorate = (from: PricedPlan, to: PricedPlan, period: Period, at: Date): InvoiceLine[] => [
  unusedTime(from, period, at),
  remainingTime(to, period, at),
];

/** Sum in minor units; below zero when credit is left. */
export const sumOf = (lines: readonly InvoiceLine[]): number => lines.reduce((sum, l) => sum + l.amount, 0);

/** `0 - amount` would show -0 for nothing; this is what a credit line carries. */
export const creditLine = (description: string, amount: number, at: Date): InvoiceLine =>
  line(description, amount, at, at);
