import { Injectable } from '@nestjs/common';
import Stripe from 'stripe';
import type { Plan } from '../../tenants/index.js';
import type { BillingCycle } from '../billing.types.js';
import { priceOf } from '../plan-change.js';
import { StripeGateway } from './stripe-gateway.js';

/** What is metered at Stripe: the name of the meter's events, and the smallest unit that we count. */
export const STRIPE_METERS = {
  requests: { event: 'veloflux_requests', name: 'Requests', unitsPerPrice: 1_000_000 },
  bytes: { event: 'veloflux_bytes', name: 'Traffic in bytes', unitsPerPrice: 1_000_000_000 },
} as const;
export type StripeMeter = keyof typeof STRIPE_METERS;

/** Stripe takes twelve decimals of a cent. */
const DECIMALS = 12;

const lookupKeyOf = (plan: Plan, cycle: BillingCycle): string => `${plan.id}_${cycle}_v${plan.version}`;

/** Ids of the prices of a plan: its own, and those of its metered usage. */
export interface CatalogPrices {
  base: string;
  metered: string[];
}

/**
 * Products, prices and meters at Stripe that mirror the table of plans, found by lookup key and made when missing.
 * Every creation carries a key of its own: two nodes that make the same thing make it once.
 */
@Injectable()
export class StripeCatalog {
  private readonly known = new Map<string, Promise<CatalogPrices>>();

  constructor(private readonly gateway: StripeGateway) {}

  prices(plan: Plan, cycle: BillingCycle): Promise<CatalogPrices> {
    const key = lookupKeyOf(plan, cycle);
    const found = this.known.get(key) ?? this.ensure(plan, cycle);
    this.known.set(key, found);
    // a failure is not remembered
    found.catch(() => this.known.delete(key));
    return found;
  }

  private async ensure(plan: Plan, cycle: BillingCycle): Promise<CatalogPrices> {
    const base = await this.basePrice(plan, cycle);
    const metered: string[] = [];
    for (const meter of ['requests', 'bytes'] as const) {
      const price = meter === 'requests' ? plan.overage.perMillionRequests : plan.overage.perGigabyte;
      if (price !== null) metered.push(await this.meteredPrice(plan, meter, price));
    }
    return { base, metered };
  }

  private basePrice(plan: Plan, cycle: BillingCycle): Promise<string> {
    return this.priceFor(lookupKeyOf(plan, cycle), {
      currency: plan.currency.toLowerCase(),
      unit_amount: priceOf(plan, cycle),
      recurring: { interval: cycle === 'yearly' ? 'year' : 'month' },
      product_data: { name: `VeloFlux ${plan.name}` },
      metadata: { plan: plan.id, version: String(plan.version) },
    });
  }

  /** The included amount costs nothing; what is over it has the plan's price, to the single unit. */
  private async meteredPrice(plan: Plan, meter: StripeMeter, price: number): Promise<string> {
    const { unitsPerPrice, name } = STRIPE_METERS[meter];
    const perUnit = Stripe.Decimal.from((price / unitsPerPrice).toFixed(DECIMALS));
    return this.priceFor(`${plan.id}_${meter}_v${plan.version}`, {
      currency: plan.currency.toLowerCase(),
      billing_scheme: 'tiered',
      tiers_mode: 'graduated',
      tiers: [
        { up_to: meter === 'requests' ? plan.included.requests : plan.included.bytes, unit_amount: 0 },
        { up_to: 'inf', unit_amount_decimal: perUnit },
      ],
      recurring: { interval: 'month', usage_type: 'metered', meter: await this.meter(meter) },
      product_data: { name: `VeloFlux ${plan.name}: ${name}` },
    });
  }

  private async priceFor(lookupKey: string, params: Stripe.PriceCreateParams): Promise<string> {
    const { api } = this.gateway;
    const found = await api.prices.list({ lookup_keys: [lookupKey], active: true, limit: 1 });
    if (found.data[0]) return found.data[0].id;
    const made = await api.prices.create(
      { ...params, lookup_key: lookupKey },
      { idempotencyKey: `price:${lookupKey}` },
    );
    return made.id;
  }

  private async meter(meter: StripeMeter): Promise<string> {
    const { api } = this.gateway;
    const { event, name } = STRIPE_METERS[meter];
    for await (const known of api.billing.meters.list({ status: 'active', limit: 100 }))
      if (known.event_name === event) return known.id;
    const made = await api.billing.meters.create(
      { display_name: name, event_name: event, default_aggregation: { formula: 'sum' } },
      { idempotencyKey: `meter:${event}` },
    );
    return made.id;
  }
}
