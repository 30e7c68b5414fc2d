import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Stripe from 'stripe';
import { copy, type DoubleEvent, event, item, price, subscription } from './stripe-objects.js';

/** What goes wrong with a request: an error of the server, a connection cut before or after the work, a slow answer. */
export type Fault = 'error' | 'drop_before' | 'drop_after' | 'slow';
const FAULTS: Fault[] = ['error', 'drop_before', 'drop_after', 'slow'];
const SLOW_MS = 700;

type Params = { [key: string]: string | Params };
type Answer = { status: number; body: unknown };
type Route = [
  method: string,
  path: RegExp,
  handle: (ids: string[], params: Params, query: URLSearchParams) => unknown,
];

class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly error: { type: string; code?: string; param?: string; message: string },
  ) {
    super(error.message);
  }
}

const missing = (what: string, id: string) =>
  new ApiError(404, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    param: 'id',
    message: `No such ${what}: '${id}'`,
  });

/** `items[0][price]=x` → `{ items: { 0: { price: 'x' } } }` */
function parseForm(form: URLSearchParams): Params {
  const root: Params = {};
  for (const [name, value] of form) {
    const path = name.replaceAll(']', '').split('[');
    let at = root;
    for (const key of path.slice(0, -1)) {
      at[key] ??= {};
      at = at[key] as Params;
    }
    at[path.at(-1)!] = value;
  }
  return root;
}
const listOf = (value: string | Params | undefined): Params[] =>
  Object.values((value ?? {}) as Params) as Params[];
const word = (value: string | Params | undefined): string => value as string;

/**
 * The part of Stripe that this product talks to, in memory: objects, idempotency keys, faults to order, and events in
 * the order in which they happened. What is delivered, how often and in which order, the test decides.
 */
export class StripeDouble {
  readonly subscriptions = new Map<string, Stripe.Subscription>();
  readonly invoices = new Map<string, Stripe.Invoice>();
  readonly prices = new Map<string, Stripe.Price>();
  readonly customers = new Map<string, { id: string; object: 'customer'; metadata: Params }>();
  readonly meters = new Map<
    string,
    { id: string; object: 'billing.meter'; event_name: string; status: 'active' }
  >();
  /** By identifier: Stripe takes each once. */
  readonly meterEvents = new Map<
    string,
    { event_name: string; value: number; customer: string; timestamp: number }
  >();
  readonly checkouts = new Map<
    string,
    { id: string; object: 'checkout.session'; status: string; url: string; params: Params }
  >();
  readonly schedules = new Map<
    string,
    { id: string; object: 'subscription_schedule'; status: string; subscription: string; phases: unknown[] }
  >();
  readonly events: DoubleEvent[] = [];
  /** `METHOD /path` of every request, and whether a POST carried an Idempotency-Key. */
  readonly requests: { call: string; key: string | null }[] = [];
  /** Share of requests that go wrong. */
  faultRate = 0;
  faultsMade = 0;
  /** A card that is declined: payment methods with this id. */
  readonly declined = 'pm_declined';
  /** The card has no money for the rest of a period. */
  declineUpgrades = false;
  /** Payment method → customer. */
  readonly attached = new Map<string, string>();
  private readonly ordered: Fault[] = [];
  private readonly answers = new Map<string, { fingerprint: string; answer: Answer }>();
  private readonly server: Server;
  private counter = 0;

  constructor(private readonly random: () => number = Math.random) {
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next requests go wrong like this, one after the other. */
  order(...faults: Fault[]): void {
    this.ordered.push(...faults);
  }

  nextId(prefix: string): string {
    this.counter += 1;
    return `${prefix}_double${this.counter}`;
  }

  /** Notes that something happened to an object, as it is now. */
  emit(type: string, object: object, created = Math.floor(Date.now() / 1000)): DoubleEvent {
    const made = event(this.nextId('evt'), type, object, created);
    this.events.push(made);
    return made;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const fault = this.ordered.shift() ?? (this.random() < this.faultRate ? this.anyFault() : null);
    if (fault) this.faultsMade += 1;
    if (fault === 'drop_before') return void request.socket.destroy();
    if (fault === 'slow') await new Promise((done) => setTimeout(done, SLOW_MS));
    const answer =
      fault === 'error'
        ? { status: 500, body: { error: { type: 'api_error', message: 'An error happened on our side' } } }
        : this.answer(request, body);
    if (fault === 'drop_after') return void request.socket.destroy();
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'request-id': this.nextId('req'),
    });
    response.end(JSON.stringify(answer.body));
  }

  private anyFault(): Fault {
    return FAULTS[Math.floor(this.random() * FAULTS.length)]!;
  }

  /** The first answer to a key is the answer to it for ever; the same key for something else is refused. */
  private answer(request: IncomingMessage, body: string): Answer {
    const call = `${request.method} ${request.url!.split('?')[0]}`;
    const key = (request.headers['idempotency-key'] as string | undefined) ?? null;
    this.requests.push({ call, key });
    if (request.method !== 'POST' || key === null) return this.perform(request, body);
    const fingerprint = `${request.url}\n${body}`;
    const earlier = this.answers.get(key);
    if (earlier && earlier.fingerprint !== fingerprint)
      return {
        status: 400,
        body: { error: { type: 'idempotency_error', message: 'Keys must be used with the same parameters' } },
      };
    const answer = earlier?.answer ?? this.perform(request, body);
    this.answers.set(key, { fingerprint, answer });
    return answer;
  }

  private perform(request: IncomingMessage, body: string): Answer {
    const url = new URL(request.url!, 'http://double');
    try {
      for (const [method, path, handle] of this.routes) {
        const match = method === request.method ? path.exec(url.pathname) : null;
        if (!match) continue;
        const result = handle(match.slice(1), parseForm(new URLSearchParams(body)), url.searchParams);
        return { status: 200, body: copy(result) };
      }
      throw new ApiError(404, {
        type: 'invalid_request_error',
        message: `Unrecognized request URL ${url.pathname}`,
      });
    } catch (e) {
      if (e instanceof ApiError) return { status: e.status, body: { error: e.error } };
      throw e;
    }
  }

  private readonly routes: Route[] = [
    ['GET', /^\/v1\/subscriptions\/(\w+)$/, ([id]) => this.found('subscription', this.subscriptions, id!)],
    ['GET', /^\/v1\/subscriptions$/, (_, __, query) => this.page([...this.subscriptions.values()], query)],
    ['POST', /^\/v1\/subscriptions$/, (_, params) => this.createSubscription(params)],
    ['POST', /^\/v1\/subscriptions\/(\w+)$/, ([id], params) => this.updateSubscription(id!, params)],
    ['GET', /^\/v1\/invoices\/(\w+)$/, ([id]) => this.found('invoice', this.invoices, id!)],
    ['POST', /^\/v1\/customers$/, (_, params) => this.createCustomer(params)],
    ['GET', /^\/v1\/prices$/, (_, __, query) => this.findPrices(query)],
    ['POST', /^\/v1\/prices$/, (_, params) => this.createPrice(params)],
    ['GET', /^\/v1\/billing\/meters$/, (_, __, query) => this.page([...this.meters.values()], query)],
    ['POST', /^\/v1\/billing\/meters$/, (_, params) => this.createMeter(params)],
    ['POST', /^\/v1\/billing\/meter_events$/, (_, params) => this.createMeterEvent(params)],
    ['POST', /^\/v1\/payment_methods\/(\w+)\/attach$/, ([id], params) => this.attach(id!, params)],
    ['POST', /^\/v1\/checkout\/sessions$/, (_, params) => this.createCheckout(params)],
    [
      'GET',
      /^\/v1\/checkout\/sessions\/(\w+)$/,
      ([id]) => this.found('checkout session', this.checkouts, id!),
    ],
    ['POST', /^\/v1\/checkout\/sessions\/(\w+)\/expire$/, ([id]) => this.expireCheckout(id!)],
    [
      'POST',
      /^\/v1\/billing_portal\/sessions$/,
      () => ({ id: this.nextId('bps'), url: 'https://portal.example.com/p' }),
    ],
    ['POST', /^\/v1\/subscription_schedules$/, (_, params) => this.createSchedule(params)],
    ['POST', /^\/v1\/subscription_schedules\/(\w+)$/, ([id], params) => this.updateSchedule(id!, params)],
    ['POST', /^\/v1\/subscription_schedules\/(\w+)\/release$/, ([id]) => this.releaseSchedule(id!)],
  ];

  private found<T>(what: string, objects: Map<string, T>, id: string): T {
    const found = objects.get(id);
    if (!found) throw missing(what, id);
    return found;
  }

  private page<T extends { id: string }>(all: T[], query: URLSearchParams) {
    const after = all.findIndex((o) => o.id === query.get('starting_after')) + 1;
    const limit = Number(query.get('limit') ?? 10);
    return {
      object: 'list',
      data: all.slice(after, after + limit),
      has_more: all.length > after + limit,
      url: '/',
    };
  }

  private createCustomer(params: Params) {
    const customer = {
      id: this.nextId('cus'),
      object: 'customer' as const,
      metadata: (params.metadata ?? {}) as Params,
    };
    this.customers.set(customer.id, customer);
    return customer;
  }

  private findPrices(query: URLSearchParams) {
    const wanted = [...query].filter(([name]) => name.startsWith('lookup_keys')).map(([, value]) => value);
    const data = [...this.prices.values()].filter((p) => wanted.includes(p.lookup_key ?? ''));
    return { object: 'list', data, has_more: false, url: '/v1/prices' };
  }

  private createPrice(params: Params) {
    const recurring = params.recurring as Params;
    const made = price({
      id: this.nextId('price'),
      lookupKey: word(params.lookup_key),
      unitAmount: params.unit_amount === undefined ? null : Number(params.unit_amount),
      interval: recurring.interval as 'month',
      metered: recurring.usage_type === 'metered',
    });
    this.prices.set(made.id, made);
    return made;
  }

  private createMeter(params: Params) {
    const meter = {
      id: this.nextId('mtr'),
      object: 'billing.meter' as const,
      event_name: word(params.event_name),
      status: 'active' as const,
    };
    this.meters.set(meter.id, meter);
    return meter;
  }

  private createMeterEvent(params: Params) {
    const identifier = word(params.identifier);
    if (this.meterEvents.has(identifier))
      throw new ApiError(400, {
        type: 'invalid_request_error',
        message: `An event already exists with identifier ${identifier}`,
      });
    const payload = params.payload as Params;
    this.meterEvents.set(identifier, {
      event_name: word(params.event_name),
      value: Number(payload.value),
      customer: word(payload.stripe_customer_id),
      timestamp: Number(params.timestamp),
    });
    return { object: 'billing.meter_event', identifier };
  }

  private createSubscription(params: Params) {
    if (params.default_payment_method === this.declined)
      throw new ApiError(402, {
        type: 'card_error',
        code: 'card_declined',
        message: 'Your card was declined.',
      });
    const prices = listOf(params.items).map((i) => this.found('price', this.prices, word(i.price)));
    const start = Math.floor(Date.now() / 1000);
    const trial = Number(params.trial_period_days ?? 0) * 86_400;
    const made: Stripe.Subscription = subscription({
      id: this.nextId('sub'),
      customer: word(params.customer),
      metadata: (params.metadata ?? {}) as Record<string, string>,
      prices,
      status: trial ? 'trialing' : 'active',
      start,
      end: start + (trial || 30 * 86_400),
    });
    if (trial) made.trial_end = start + trial;
    this.subscriptions.set(made.id, made);
    this.emit('customer.subscription.created', made);
    return made;
  }

  private attach(id: string, params: Params) {
    this.attached.set(id, word(params.customer));
    return { id, object: 'payment_method' };
  }

  /** A method that was not attached to the customer cannot pay for it. */
  private setMethod(found: Stripe.Subscription, method: string): void {
    if (this.attached.get(method) !== found.customer)
      throw new ApiError(400, {
        type: 'invalid_request_error',
        param: 'default_payment_method',
        message: `No such PaymentMethod: '${method}'; it must be attached to the customer`,
      });
    found.default_payment_method = method;
  }

  private updateSubscription(id: string, params: Params) {
    const found = this.found('subscription', this.subscriptions, id);
    if (found.status === 'canceled')
      throw new ApiError(400, {
        type: 'invalid_request_error',
        message: 'A canceled subscription can only update its cancellation_details and metadata.',
      });
    if (params.items && this.declineUpgrades)
      throw new ApiError(402, {
        type: 'card_error',
        code: 'card_declined',
        message: 'Your card was declined.',
      });
    if (params.default_payment_method) this.setMethod(found, word(params.default_payment_method));
    if (params.collection_method)
      found.collection_method = params.collection_method as Stripe.Subscription.CollectionMethod;
    if (params.cancel_at_period_end !== undefined)
      found.cancel_at_period_end = params.cancel_at_period_end === 'true';
    for (const change of listOf(params.items)) this.changeItem(found, change);
    Object.assign(found.metadata, params.metadata ?? {});
    this.emit('customer.subscription.updated', found);
    return found;
  }

  private changeItem(found: Stripe.Subscription, change: Params): void {
    const { data } = found.items;
    if (change.deleted === 'true') {
      data.splice(
        data.findIndex((i) => i.id === change.id),
        1,
      );
      return;
    }
    const { current_period_start: start, current_period_end: end } = data[0] ?? {
      current_period_start: found.created,
      current_period_end: found.created + 30 * 86_400,
    };
    data.push(
      item({ id: found.id, start, end }, this.found('price', this.prices, word(change.price)), data.length),
    );
  }

  private createCheckout(params: Params) {
    const id = this.nextId('cs');
    const session = {
      id,
      object: 'checkout.session' as const,
      status: 'open',
      url: `https://checkout.example.com/${id}`,
      params,
    };
    this.checkouts.set(id, session);
    return session;
  }

  /** The customer paid on the checkout page. */
  completeCheckout(id: string): Stripe.Subscription {
    const session = this.found('checkout session', this.checkouts, id);
    const { customer, line_items, subscription_data } = session.params;
    const { metadata, trial_period_days: trial } = subscription_data as Params;
    const made = this.createSubscription({
      customer: customer!,
      items: line_items!,
      metadata: metadata!,
      ...(trial && { trial_period_days: trial }),
    });
    session.status = 'complete';
    this.emit('checkout.session.completed', { id, object: 'checkout.session', subscription: made.id });
    return made;
  }

  private expireCheckout(id: string) {
    const session = this.found('checkout session', this.checkouts, id);
    if (session.status !== 'open')
      throw new ApiError(400, {
        type: 'invalid_request_error',
        message: `Only Checkout Sessions with a status in ["open"] can be expired. This one is ${session.status}.`,
      });
    session.status = 'expired';
    this.emit('checkout.session.expired', { id, object: 'checkout.session', status: 'expired' });
    return session;
  }

  private createSchedule(params: Params) {
    const found = this.found('subscription', this.subscriptions, word(params.from_subscription));
    const [first] = found.items.data;
    const phase = {
      start_date: first!.current_period_start,
      end_date: first!.current_period_end,
      items: found.items.data.map((i) => ({ price: i.price.id, quantity: i.quantity })),
    };
    const schedule = {
      id: this.nextId('sub_sched'),
      object: 'subscription_schedule' as const,
      status: 'active',
      subscription: found.id,
      phases: [phase] as unknown[],
    };
    this.schedules.set(schedule.id, schedule);
    found.schedule = schedule.id;
    this.emit('customer.subscription.updated', found);
    return schedule;
  }

  private updateSchedule(id: string, params: Params) {
    const schedule = this.found('schedule', this.schedules, id);
    schedule.phases = listOf(params.phases);
    return schedule;
  }

  /** The period of a subscription with a schedule ends: its second phase begins. */
  endPeriod(subscriptionId: string): Stripe.Subscription {
    const found = this.found('subscription', this.subscriptions, subscriptionId);
    const [first] = found.items.data;
    const period = { start: first!.current_period_end, end: first!.current_period_end + 30 * 86_400 };
    const schedule = this.schedules.get(found.schedule as string);
    const next = (schedule?.phases[1] as Params | undefined)?.items;
    const prices = next
      ? listOf(next).map((i) => this.found('price', this.prices, word(i.price)))
      : found.items.data.map((i) => i.price);
    found.items.data = prices.map((p, i) => item({ id: found.id, ...period }, p, i));
    found.schedule = null;
    this.emit('customer.subscription.updated', found);
    return found;
  }

  private releaseSchedule(id: string) {
    const schedule = this.found('schedule', this.schedules, id);
    schedule.status = 'released';
    const found = this.found('subscription', this.subscriptions, schedule.subscription);
    found.schedule = null;
    this.emit('customer.subscription.updated', found);
    return schedule;
  }
}

/** Posts an event as Stripe does. @returns the status, null when the connection broke */
export async function deliver(
  url: string,
  payload: object,
  secret: string,
): Promise<{ status: number | null; ms: number; body: unknown }> {
  const raw = JSON.stringify(payload);
  const begun = performance.now();
  try {
    const response = await fetch(`${url}/api/billing/webhooks`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload: raw, secret }),
      },
      body: raw,
    });
    const body = await response.json();
    return { status: response.status, ms: performance.now() - begun, body };
  } catch {
    return { status: null, ms: performance.now() - begun, body: null };
  }
}
