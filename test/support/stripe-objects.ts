import Stripe from 'stripe';

/**
 * Objects of Stripe's API as the double keeps them. `satisfies` ties them to the SDK's types: when a field moves in
 * another API version, this file no longer compiles.
 */
export const API_VERSION = '2026-10-28.endive';

export interface PriceTerms {
  id: string;
  lookupKey: string | null;
  unitAmount: number | null;
  interval: 'month' | 'year';
  metered?: boolean;
}

export const price = (terms: PriceTerms) =>
  ({
    id: terms.id,
    object: 'price',
    active: true,
    billing_scheme: terms.metered ? 'tiered' : 'per_unit',
    created: 1_767_225_600,
    currency: 'usd',
    custom_unit_amount: null,
    livemode: false,
    lookup_key: terms.lookupKey,
    metadata: {},
    nickname: null,
    product: `prod_${terms.id}`,
    recurring: {
      interval: terms.interval,
      interval_count: 1,
      meter: terms.metered ? `mtr_${terms.id}` : null,
      trial_period_days: null,
      usage_type: terms.metered ? 'metered' : 'licensed',
    },
    tax_behavior: 'unspecified',
    tiers_mode: terms.metered ? 'graduated' : null,
    transform_quantity: null,
    type: 'recurring',
    unit_amount: terms.unitAmount,
    unit_amount_decimal: terms.unitAmount === null ? null : Stripe.Decimal.from(terms.unitAmount),
  }) satisfies Stripe.Price;

export interface SubscriptionTerms {
  id: string;
  customer: string;
  metadata: Record<string, string>;
  prices: Stripe.Price[];
  status?: Stripe.Subscription.Status;
  start: number;
  end: number;
}

export const subscription = (terms: SubscriptionTerms) =>
  ({
    id: terms.id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: true, liability: null },
    billing_cycle_anchor: terms.start,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: null, type: 'flexible' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: null,
    collection_method: 'charge_automatically',
    created: terms.start,
    currency: 'usd',
    customer: terms.customer,
    customer_account: null,
    days_until_due: null,
    default_payment_method: null,
    default_source: null,
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: {
      object: 'list',
      data: terms.prices.map((p, i) => item(terms, p, i)),
      has_more: false,
      url: `/v1/subscription_items?subscription=${terms.id}`,
    },
    latest_invoice: null,
    livemode: false,
    managed_payments: null,
    metadata: terms.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: null,
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: terms.start,
    status: terms.status ?? 'active',
    test_clock: null,
    transfer_data: null,
    trial_end: null,
    trial_settings: null,
    trial_start: null,
  }) satisfies Stripe.Subscription;

export const item = (terms: { id: string; start: number; end: number }, of: Stripe.Price, index: number) =>
  ({
    id: `si_${terms.id}_${of.id}_${index}`,
    object: 'subscription_item',
    billing_thresholds: null,
    created: terms.start,
    current_period_end: terms.end,
    current_period_start: terms.start,
    current_trial: null,
    discounts: [],
    metadata: {},
    plan: null as never,
    price: of,
    quantity: of.recurring?.usage_type === 'metered' ? undefined : 1,
    subscription: terms.id,
    tax_rates: [],
  }) satisfies Stripe.SubscriptionItem;

export interface InvoiceTerms {
  id: string;
  subscription: string;
  customer: string;
  metadata: Record<string, string>;
  status: Stripe.Invoice.Status;
  amount: number;
  attempts: number;
  created: number;
  start: number;
  end: number;
}

const line = (terms: InvoiceTerms) =>
  ({
    id: `il_${terms.id}`,
    object: 'line_item',
    amount: terms.amount,
    currency: 'usd',
    description: 'VeloFlux',
    discount_amounts: null,
    discountable: true,
    discounts: [],
    invoice: terms.id,
    livemode: false,
    metadata: {},
    parent: null,
    period: { end: terms.end, start: terms.start },
    pretax_credit_amounts: null,
    pricing: null,
    quantity: 1,
    quantity_decimal: null,
    subscription: terms.subscription,
    subtotal: terms.amount,
    taxes: null,
  }) satisfies Stripe.InvoiceLineItem;

export const invoice = (terms: InvoiceTerms) =>
  ({
    id: terms.id,
    object: 'invoice',
    account_country: 'US',
    account_name: null,
    account_tax_ids: null,
    amount_due: terms.amount,
    amount_overpaid: 0,
    amount_paid: terms.status === 'paid' ? terms.amount : 0,
    amount_remaining: terms.status === 'paid' ? 0 : terms.amount,
    amount_shipping: 0,
    application: null,
    attempt_count: terms.attempts,
    attempted: terms.attempts > 0,
    automatic_tax: {
      disabled_reason: null,
      enabled: true,
      liability: null,
      provider: null,
      status: 'complete',
    },
    automatically_finalizes_at: null,
    billing_reason: 'subscription_cycle',
    collection_method: 'charge_automatically',
    created: terms.created,
    currency: 'usd',
    custom_fields: null,
    customer: terms.customer,
    customer_account: null,
    customer_address: null,
    customer_email: null,
    customer_name: null,
    customer_phone: null,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: null,
    effective_at: terms.created,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: `https://invoice.example.com/${terms.id}`,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: { object: 'list', data: [line(terms)], has_more: false, url: `/v1/invoices/${terms.id}/lines` },
    livemode: false,
    metadata: {},
    next_payment_attempt: null,
    number: `D-${terms.id}`,
    on_behalf_of: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: terms.metadata, subscription: terms.subscription },
      type: 'subscription_details',
    },
    payment_settings: {
      default_mandate: null,
      payment_method_options: null,
      payment_method_types: null,
    },
    period_end: terms.end,
    period_start: terms.start,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: terms.status,
    status_transitions: {
      finalized_at: terms.created,
      marked_uncollectible_at: null,
      paid_at: terms.status === 'paid' ? terms.created : null,
      voided_at: null,
    },
    subtotal: terms.amount,
    subtotal_excluding_tax: terms.amount,
    test_clock: null,
    total: terms.amount,
    total_discount_amounts: [],
    total_excluding_tax: terms.amount,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  }) satisfies Stripe.Invoice;

/** As it travels: the SDK's decimal numbers become text. */
export const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** An event as Stripe delivers it: `object` is a copy of what the object was then. */
export const event = (id: string, type: string, object: object, created: number) => ({
  id,
  object: 'event' as const,
  api_version: API_VERSION,
  created,
  data: { object: copy(object) },
  livemode: false,
  pending_webhooks: 1,
  request: { id: null, idempotency_key: null },
  type,
});
export type DoubleEvent = ReturnType<typeof event>;
