import { Injectable } from '@nestjs/common';
import Stripe from 'stripe';
import { invalidField } from '../../../common/errors.js';
import { Environment } from '../../../platform/config/environment.js';
import { stripeUnavailable } from '../billing.errors.js';

/** The version that this program was written for; an account's own default must not change what we read. */
const API_VERSION = '2026-10-28.endive';
const TIMEOUT_MS = 8000;
/** The queue of events tries again by itself, and later. */
const ONCE = { maxNetworkRetries: 0 };

/** The way to Stripe, when a key is set. Reading an object that does not exist gives null. */
@Injectable()
export class StripeGateway {
  private readonly sdk: Stripe | null;

  constructor(environment: Environment) {
    const { STRIPE_SECRET_KEY: key, STRIPE_API_BASE: base } = environment;
    this.sdk = key ? new Stripe(key, { apiVersion: API_VERSION, ...transport(base) }) : null;
  }

  get configured(): boolean {
    return this.sdk !== null;
  }

  /** @throws Error without a key: a mistake in the program */
  get api(): Stripe {
    if (!this.sdk) throw new Error('Stripe is not configured');
    return this.sdk;
  }

  subscription(id: string): Promise<Stripe.Subscription | null> {
    return orNull(() => this.api.subscriptions.retrieve(id, {}, ONCE));
  }

  /** With all of its lines; Stripe sends only the first ones along. */
  async invoice(id: string): Promise<Stripe.Invoice | null> {
    const invoice = await orNull(() => this.api.invoices.retrieve(id, {}, ONCE));
    if (!invoice?.lines.has_more) return invoice;
    const lines: Stripe.InvoiceLineItem[] = [];
    for await (const line of this.api.invoices.listLineItems(id, { limit: 100 }, ONCE)) lines.push(line);
    return { ...invoice, lines: { ...invoice.lines, data: lines, has_more: false } };
  }

  /**
   * Runs a call that somebody waits for.
   * @throws AppError 422 for what Stripe refuses (a declined card, an address that tax needs), 503 when it is away
   */
  async forCaller<T>(call: (api: Stripe) => Promise<T>): Promise<T> {
    try {
      return await call(this.api);
    } catch (e) {
      if (e instanceof Stripe.errors.StripeCardError)
        throw invalidField('payment_method', 'declined', `The payment was declined: ${e.message}`);
      if (e instanceof Stripe.errors.StripeInvalidRequestError)
        throw invalidField(e.param ?? 'payment_method', 'refused', `Stripe refused: ${e.message}`);
      if (e instanceof Stripe.errors.StripeError) throw stripeUnavailable(e);
      throw e;
    }
  }
}

function transport(base: string | undefined) {
  const common = { timeout: TIMEOUT_MS, maxNetworkRetries: 2, telemetry: false };
  if (!base) return common;
  const url = new URL(base);
  const protocol = url.protocol === 'http:' ? ('http' as const) : ('https' as const);
  return { ...common, host: url.hostname, protocol, ...(url.port && { port: url.port }) };
}

async function orNull<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (e) {
    if (e instanceof Stripe.errors.StripeInvalidRequestError && e.code === 'resource_missing') return null;
    throw e;
  }
}
