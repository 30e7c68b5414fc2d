import type Stripe from 'stripe';
import { newId } from '../../src/common/ids.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { freePort } from '../support/ports.js';
import { startServer, type TestServer, until } from '../support/server.js';
import { deliver, StripeDouble } from '../support/stripe.js';
import { type DoubleEvent, invoice, price, subscription } from '../support/stripe-objects.js';

const SUBSCRIPTIONS = 60;
const EVENTS_EACH = 8;
const COPIES = 3;
const AT_ONCE = 16;
const FAULT_RATE = 0.15;
const KILLS = 4;
const SECRET = 'whsec_storm';
const DAY = 86_400;

/** Mulberry32: the same storm for the same seed. */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const PLANS = ['basic', 'professional', 'enterprise'] as const;
const prices = Object.fromEntries(
  PLANS.map((plan, i) => [
    plan,
    price({
      id: `price_${plan}`,
      lookupKey: `${plan}_monthly_v1`,
      unitAmount: [999, 2999, 9999][i]!,
      interval: 'month',
    }),
  ]),
) as Record<(typeof PLANS)[number], Stripe.Price>;

/** One life of a subscription at Stripe, as steps that each happen, change objects and make one event. */
function life(stripe: StripeDouble, tenantId: string, index: number): (() => DoubleEvent)[] {
  const id = `sub_storm${index}`;
  const customer = `cus_storm${index}`;
  const metadata = { tenant_id: tenantId };
  const start = Math.floor(Date.now() / 1000) - DAY;
  const end = start + 30 * DAY;
  const bill = (n: number, status: 'paid' | 'open', attempts: number) => {
    const made = invoice({
      id: `in_storm${index}x${n}`,
      subscription: id,
      customer,
      metadata,
      status,
      amount: 1000 * n + index,
      attempts,
      created: start + n,
      start,
      end,
    });
    stripe.invoices.set(made.id, made);
    return made;
  };
  const change = (values: (s: Stripe.Subscription) => void) => {
    const s = stripe.subscriptions.get(id)!;
    values(s);
    return stripe.emit('customer.subscription.updated', s);
  };
  const toPlan = (plan: (typeof PLANS)[number]) => (s: Stripe.Subscription) => {
    s.items.data[0]!.price = prices[plan];
  };
  const ending = [
    () => change(toPlan('basic')),
    () => {
      const s = stripe.subscriptions.get(id)!;
      Object.assign(s, { status: 'canceled', canceled_at: start + 5, ended_at: start + 5 });
      return stripe.emit('customer.subscription.deleted', s);
    },
    () => change((s) => Object.assign(s, { cancel_at_period_end: true })),
    () => change((s) => Object.assign(s, { status: 'past_due' })),
  ][index % 4]!;
  return [
    () => {
      const made = subscription({ id, customer, metadata, prices: [prices.basic], start, end });
      stripe.subscriptions.set(id, made);
      return stripe.emit('customer.subscription.created', made);
    },
    () => stripe.emit('invoice.paid', bill(1, 'paid', 1)),
    () => change(toPlan('professional')),
    () => stripe.emit('invoice.payment_failed', bill(2, 'open', 1)),
    () => change((s) => Object.assign(s, { status: 'past_due' })),
    () => stripe.emit('invoice.paid', bill(2, 'paid', 2)),
    () =>
      change((s) => {
        s.status = 'active';
        toPlan('enterprise')(s);
      }),
    ending,
  ];
}

describe('A storm of Stripe’s webhooks', () => {
  const random = seeded(20_261_122);
  const stripe = new StripeDouble(random);
  let db: TestDatabase;
  let server: TestServer;
  let port: number;

  const boot = () =>
    startServer({
      env: {
        DATABASE_URL: db.url,
        PORT: String(port),
        STRIPE_SECRET_KEY: 'sk_test_double',
        STRIPE_API_BASE: stripe.url,
        STRIPE_WEBHOOK_SECRET: SECRET,
      },
    });

  beforeAll(async () => {
    [db, port] = await Promise.all([testDatabase(), freePort(), stripe.start()]);
    server = await boot();
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await stripe.stop();
    await db.close();
  }, 60_000);

  it('leaves every subscription and invoice as Stripe has it, each effect once, through faults and kills', async () => {
    const tenants = Array.from({ length: SUBSCRIPTIONS }, () => newId('tenant'));
    for (const id of tenants) await db.sql(`INSERT INTO tenants (id, name) VALUES ($1, 'Storm')`, [id]);
    const lives = tenants.map((tenantId, i) => life(stripe, tenantId, i));
    const total = SUBSCRIPTIONS * EVENTS_EACH * COPIES;
    const killAt = Array.from({ length: KILLS }, (_, i) => Math.round(((i + 1) * total) / (KILLS + 1)));
    stripe.faultRate = FAULT_RATE;

    // What has happened and is still to be delivered: drawn from at random, so copies arrive late and out of order.
    const waiting: DoubleEvent[] = [];
    const acknowledged: number[] = [];
    let broken = 0;
    let restarting: Promise<void> | null = null;
    const happen = () => {
      const alive = lives.filter((steps) => steps.length);
      const steps = alive[Math.floor(random() * alive.length)];
      const made = steps?.shift()?.();
      if (made) waiting.push(...Array.from({ length: COPIES }, () => made));
    };
    const next = () => {
      while (waiting.length < 240 && lives.some((steps) => steps.length)) happen();
      return waiting.splice(Math.floor(random() * waiting.length), 1)[0];
    };
    const restart = async () => {
      await server.kill();
      server = await boot();
      restarting = null;
    };
    const worker = async () => {
      for (let made = next(); made; made = next()) {
        await restarting;
        const { status, ms } = await deliver(server.api, made, SECRET);
        if (status === 200) acknowledged.push(ms);
        else {
          broken++;
          waiting.push(made); // Stripe delivers again what was not acknowledged
        }
        if (acknowledged.length >= (killAt[0] ?? Number.POSITIVE_INFINITY)) {
          killAt.shift();
          restarting ??= restart();
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await restarting;

    const events = SUBSCRIPTIONS * EVENTS_EACH;
    await until(
      'every event to be handled',
      async () => {
        const [row] = await db.sql(
          `SELECT count(*) FILTER (WHERE state = 'done')::int AS done FROM stripe_events`,
        );
        return row!.done === events;
      },
      60_000,
    );

    const [inbox] = await db.sql(
      `SELECT count(*)::int AS events, sum(deliveries)::int AS deliveries,
              count(*) FILTER (WHERE outcome NOT LIKE 'applied%')::int AS not_applied FROM stripe_events`,
    );
    expect(inbox).toMatchObject({ events, not_applied: 0 });
    expect(inbox!.deliveries).toBeGreaterThanOrEqual(total);

    const expected = [...stripe.subscriptions.values()].map((s) => {
      const plan = s.items.data[0]!.price.lookup_key!.split('_')[0];
      const ended = s.status === 'canceled';
      return {
        external_id: s.id,
        tenant_id: s.metadata.tenant_id,
        plan,
        status: s.status,
        cancel_at_period_end: s.cancel_at_period_end,
        amount: String(s.items.data[0]!.price.unit_amount),
        tenant_plan: ended ? 'free' : plan,
      };
    });
    const stored = await db.sql(
      `SELECT s.external_id, s.tenant_id, s.plan, s.status, s.cancel_at_period_end, s.amount, t.plan AS tenant_plan
       FROM subscriptions s JOIN tenants t ON t.id = s.tenant_id`,
    );
    const byId = (rows: Record<string, unknown>[]) =>
      [...rows].sort((a, b) => (String(a.external_id) < String(b.external_id) ? -1 : 1));
    expect(byId(stored)).toEqual(byId(expected));

    const invoices = await db.sql(
      `SELECT i.external_id, i.status, i.amount_due, i.amount_paid, s.external_id AS subscription
       FROM invoices i LEFT JOIN subscriptions s ON s.id = i.subscription_id`,
    );
    const expectedInvoices = [...stripe.invoices.values()].map((i) => ({
      external_id: i.id,
      status: i.status,
      amount_due: String(i.amount_due),
      amount_paid: String(i.amount_paid),
      subscription: i.parent!.subscription_details!.subscription,
    }));
    expect(byId(invoices)).toEqual(byId(expectedInvoices));

    // effects: each subscription begun once, each invoice paid once
    const once = await db.sql(
      `SELECT type, count(*)::int AS n FROM billing_history
       WHERE type IN ('subscription.created', 'invoice.paid', 'invoice.issued') GROUP BY type ORDER BY type`,
    );
    expect(once).toEqual([
      { type: 'invoice.issued', n: 2 * SUBSCRIPTIONS },
      { type: 'invoice.paid', n: 2 * SUBSCRIPTIONS },
      { type: 'subscription.created', n: SUBSCRIPTIONS },
    ]);
    const told = await db.sql(
      `SELECT count(*)::int AS n, count(DISTINCT object_id)::int AS invoices FROM audit_log WHERE action = 'invoice.paid'`,
    );
    expect(told).toEqual([{ n: 2 * SUBSCRIPTIONS, invoices: 2 * SUBSCRIPTIONS }]);

    acknowledged.sort((a, b) => a - b);
    const quantile = (q: number) => Math.round(acknowledged[Math.floor(q * (acknowledged.length - 1))]!);
    process.stdout.write(
      `storm: ${acknowledged.length} acknowledged (p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms), ${broken} broken off, ` +
        `${KILLS} kills, ${stripe.faultsMade} faults in ${stripe.requests.length} requests to Stripe\n`,
    );
  }, 150_000);
});
