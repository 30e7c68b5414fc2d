import type { PlanId } from '../tenants/index.js';

export const BILLING_CYCLES = ['monthly', 'yearly'] as const;
export type BillingCycle = (typeof BILLING_CYCLES)[number];

/** Stripe's words, used for both providers. */
export const SUBSCRIPTION_STATUSES = [
  'incomplete',
  'incomplete_expired',
  'trialing',
  'active',
  'past_due',
  'unpaid',
  'paused',
  'canceled',
] as const;
export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];

/** A tenant has at most one of these that this program made. */
export const LIVE_STATUSES = ['trialing', 'active', 'past_due', 'unpaid', 'paused'] as const;
/** Whether it stands, be it on trial, unpaid or paused. */
export const isLive = (status: SubscriptionStatus): boolean =>
  (LIVE_STATUSES as readonly SubscriptionStatus[]).includes(status);
/** Nothing comes after these. */
export const hasEnded = (status: SubscriptionStatus): boolean =>
  status === 'canceled' || status === 'incomplete_expired';

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

export type ProviderName = 'builtin' | 'stripe';

/** Half-open: `end` belongs to the next one. */
export interface Period {
  start: Date;
  end: Date;
}

/** One line of an invoice; `amount` in minor units, negative for a credit. */
export interface InvoiceLine {
  description: string;
  quantity: number;
  amount: number;
  /** ISO 8601. */
  period_start: string;
  period_end: string;
}

/** What an existing subscription should become; what is not named stays. */
export interface SubscriptionChange {
  plan?: PlanId;
  cycle?: BillingCycle;
  paymentMethod?: string;
  cancelAtPeriodEnd?: boolean;
  /** Refuse anything that is not an upgrade. */
  onlyUpgrade?: boolean;
}

export interface SubscriptionOrder {
  tenantId: string;
  plan: PlanId;
  cycle: BillingCycle;
  paymentMethod: string;
  trial: boolean;
  /** Of whoever orders: where a payment service sends its invoices. */
  email: string;
}
