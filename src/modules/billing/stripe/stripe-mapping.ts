import { PLANS, type PlanId } from '../../tenants/index.js';
import {
  type BillingCycle,
  INVOICE_STATUSES,
  type InvoiceLine,
  type InvoiceStatus,
  SUBSCRIPTION_STATUSES,
  type SubscriptionStatus,
} from '../billing.types.js';
import type { Subscription } from '../subscription.entity.js';

/** What we need of a subscription at Stripe. */
export interface StripeSubscriptionState {
  id: string;
  customerId: string | null;
  /** Ours, from its metadata. */
  tenantId: string | null;
  localId: string | null;
  plan: PlanId | null;
  planVersion: number | null;
  cycle: BillingCycle;
  status: SubscriptionStatus;
  periodStart: Date;
  periodEnd: Date;
  anchor: Date;
  cancelAtPeriodEnd: boolean;
  trialEnd: Date | null;
  canceledAt: Date | null;
  endedAt: Date | null;
  scheduleId: string | null;
  amount: number;
  currency: string;
}

/** What we need of an invoice at Stripe. */
export interface StripeInvoiceState {
  id: string;
  customerId: string | null;
  subscriptionId: string | null;
  tenantId: string | null;
  number: string | null;
  status: InvoiceStatus;
  reason: string;
  attemptCount: number;
  currency: string;
  amountDue: number;
  amountPaid: number;
  lines: InvoiceLine[];
  periodStart: Date;
  periodEnd: Date;
  createdAt: Date;
  dueAt: Date | null;
  paidAt: Date | null;
  hostedUrl: string | null;
}

/** Why an object is stored and changes nothing. */
export class NotApplicable extends Error {
  override readonly name = 'NotApplicable';
}

type Json = Record<string, unknown>;
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.map(object) : []);
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const integer = (value: unknown): number | null => (Number.isSafeInteger(value) ? (value as number) : null);
const MAX_SECONDS = 253_402_300_799;
const time = (value: unknown): Date | null => {
  const seconds = integer(value);
  return seconds !== null && seconds >= 0 && seconds <= MAX_SECONDS ? new Date(seconds * 1000) : null;
};
/** An id, or the object itself where the request expanded it. */
const reference = (value: unknown): string | null => text(value) ?? text(object(value).id);

function required<T>(value: T | null, what: string): T {
  if (value === null) throw new NotApplicable(`ignored: no ${what}`);
  return value;
}

const LOOKUP_KEY = /^([a-z]+)_(?:monthly|yearly)(?:_v(\d{1,6}))?$/;

/** The item with the plan's own price; the others are metered. */
function baseItem(subscription: Json): Json {
  const items = list(object(subscription.items).data);
  return items.find((i) => object(object(i.price).recurring).usage_type !== 'metered') ?? {};
}

function planOf(subscription: Json, price: Json): { plan: PlanId | null; planVersion: number | null } {
  const key = LOOKUP_KEY.exec(text(price.lookup_key) ?? '');
  const metadata = { ...object(subscription.metadata), ...object(price.metadata) };
  const name = key?.[1] ?? text(metadata.plan);
  const plan = PLANS.find((p) => p === name) ?? null;
  return { plan, planVersion: key?.[2] ? Number(key[2]) : null };
}

/**
 * Reads a subscription, from an event of any API version or from the API. Since 2025 the period is on the items
 * (`items.data[].current_period_end`); before it was on the subscription.
 * @throws NotApplicable when something that we need is missing or a status is unknown to us
 */
export function readSubscription(value: unknown): StripeSubscriptionState {
  const s = object(value);
  const id = required(text(s.id), 'id');
  const status = SUBSCRIPTION_STATUSES.find((known) => known === s.status);
  if (!status) throw new NotApplicable(`ignored: unknown status '${String(s.status).slice(0, 40)}'`);
  const item = baseItem(s);
  const price = object(item.price);
  const periodStart = required(time(item.current_period_start) ?? time(s.current_period_start), 'period');
  const periodEnd = required(time(item.current_period_end) ?? time(s.current_period_end), 'period');
  if (periodStart >= periodEnd) throw new NotApplicable('ignored: the period ends before it begins');
  const cancelAt = time(s.cancel_at);
  return {
    id,
    customerId: reference(s.customer),
    tenantId: text(object(s.metadata).tenant_id),
    localId: text(object(s.metadata).subscription_id),
    ...planOf(s, price),
    cycle: object(price.recurring).interval === 'year' ? 'yearly' : 'monthly',
    status,
    periodStart,
    periodEnd,
    anchor: time(s.billing_cycle_anchor) ?? periodStart,
    cancelAtPeriodEnd: s.cancel_at_period_end === true || (cancelAt !== null && cancelAt <= periodEnd),
    trialEnd: time(s.trial_end),
    canceledAt: time(s.canceled_at),
    endedAt: time(s.ended_at),
    scheduleId: reference(s.schedule),
    amount: (integer(price.unit_amount) ?? 0) * (integer(item.quantity) ?? 1),
    currency: (text(s.currency) ?? text(price.currency) ?? 'usd').toUpperCase(),
  };
}

const lineOf = (line: Json, fallback: Date): InvoiceLine => ({
  description: text(line.description) ?? '',
  quantity: typeof line.quantity === 'number' ? line.quantity : 1,
  amount: integer(line.amount) ?? 0,
  period_start: (time(object(line.period).start) ?? fallback).toISOString(),
  period_end: (time(object(line.period).end) ?? fallback).toISOString(),
});

/**
 * What is due is the lines plus what stands beside them: discounts, taxes, the customer's balance. It is shown as a
 * line of its own, so that the lines always add up to what is due.
 */
function linesOf(invoice: Json, amountDue: number, at: Date): InvoiceLine[] {
  const lines = list(object(invoice.lines).data).map((l) => lineOf(l, at));
  const rest = amountDue - lines.reduce((sum, l) => sum + l.amount, 0);
  if (rest === 0) return lines;
  const when = at.toISOString();
  const beside = {
    description: 'Taxes, discounts and balance',
    quantity: 1,
    amount: rest,
    period_start: when,
    period_end: when,
  };
  return [...lines, beside];
}

/**
 * Reads an invoice. Its subscription is at `parent.subscription_details` since 2025, at `subscription` before.
 * @throws NotApplicable when something that we need is missing or a status is unknown to us
 */
export function readInvoice(value: unknown): StripeInvoiceState {
  const i = object(value);
  const id = required(text(i.id), 'id');
  const status = INVOICE_STATUSES.find((known) => known === i.status);
  if (!status) throw new NotApplicable(`ignored: unknown status '${String(i.status).slice(0, 40)}'`);
  const createdAt = required(time(i.created), 'created');
  const details = object(object(i.parent).subscription_details);
  const amountDue = required(integer(i.amount_due), 'amount_due');
  const transitions = object(i.status_transitions);
  return {
    id,
    customerId: reference(i.customer),
    subscriptionId: reference(details.subscription) ?? reference(i.subscription),
    tenantId: text(object(details.metadata).tenant_id) ?? text(object(i.metadata).tenant_id),
    number: text(i.number),
    status,
    reason: text(i.billing_reason) ?? 'subscription_cycle',
    attemptCount: integer(i.attempt_count) ?? 0,
    currency: (text(i.currency) ?? 'usd').toUpperCase(),
    amountDue,
    amountPaid: integer(i.amount_paid) ?? 0,
    lines: linesOf(i, amountDue, createdAt),
    periodStart: time(i.period_start) ?? createdAt,
    periodEnd: time(i.period_end) ?? createdAt,
    createdAt,
    dueAt: time(i.due_date),
    paidAt: time(transitions.paid_at),
    hostedUrl: text(i.hosted_invoice_url),
  };
}

/** Ids of payment methods, and of the older cards and sources. */
export const isPaymentMethod = (id: string): boolean => /^(pm|card|src)_/.test(id);

/** What Stripe keeps of ours with a subscription, for its webhooks to find the row by. */
export const metadataOf = ({ tenant_id, id, plan }: Subscription): Record<string, string> => ({
  tenant_id,
  subscription_id: id,
  plan,
});
