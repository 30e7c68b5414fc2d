import { frameOf } from '../../platform/realtime/index.js';

export class LiveUsage {
  /**
   * Null for all tenants together.
   * @example professional
   */
  plan: string | null;
  /** @example 2026-06-01T00:00:00.000Z */
  period_start: string;
  /** @example 2026-07-01T00:00:00.000Z */
  period_end: string;
  /**
   * Requests carried in the period.
   * @example 262501
   */
  usage: number;
  /**
   * What they cost over the included amount, in units of the currency; null for all tenants together.
   * @example 0.13
   */
  cost: number | null;
  /** @example USD */
  currency: string | null;
}

export class BillingFrame extends frameOf('billing', LiveUsage) {}
