import { BillingApp } from '../../../../test/support/billing.js';
import { StripeDouble } from '../../../../test/support/stripe.js';
import { until } from '../../../../test/support/until.js';
import { HOUR_MS } from '../../../common/durations.js';
import { AppError } from '../../../common/errors.js';
import { newId } from '../../../common/ids.js';
import { ReconciliationService } from '../reconciliation.service.js';
import type { Subscription } from '../subscription.entity.js';
import type { CreateSubscriptionRequest, UpdateSubscriptionRequest } from '../subscriptions.dto.js';
import { SubscriptionsService } from '../subscriptions.service.js';
import { WebhooksService } from '../webhooks/webhooks.service.js';
import { UsageReports } from './usage-reports.service.js';

const SECRET = 'whsec_test';
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (e: AppError) => `${e.status} ${e.code}`,
  );

describe('Billing by Stripe', () => {
  let app: BillingApp;
  let stripe: StripeDouble;
  let subscriptions: SubscriptionsService;

  beforeAll(async () => {
    stripe = await new StripeDouble().start();
    app = await BillingApp.start({
      STRIPE_SECRET_KEY: 'sk_test_double',
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: SECRET,
      PUBLIC_URL: 'https://lb.example.com',
    });
    subscriptions = app.get(SubscriptionsService);
  });
  afterAll(async () => {
    await app.close();
    await stripe.stop();
  });
  afterEach(() => {
    const posts = stripe.requests.filter((r) => r.call.startsWith('POST'));
    expect(posts.filter((r) => r.key === null)).toEqual([]);
  });

  const create = (tenantId: string, request: Partial<CreateSubscriptionRequest>) =>
    subscriptions.create(app.owner(tenantId), { plan: 'basic', payment_method: 'pm_card', ...request });
  const update = (s: Subscription, request: UpdateSubscriptionRequest) =>
    subscriptions.update(s.tenant_id, s.id, request);
  const read = (s: Subscription) => subscriptions.get(s.tenant_id, s.id);
  const atStripe = (s: Subscription) => stripe.subscriptions.get(s.external_id!)!;
  const lookupKeys = (s: Subscription) => atStripe(s).items.data.map((i) => i.price.lookup_key);
  /** Takes every event that Stripe has made so far, as its webhooks would bring them. */
  const deliverAll = async () => {
    const webhooks = app.get(WebhooksService);
    const { default: Stripe } = await import('stripe');
    for (const e of stripe.events.splice(0)) {
      const payload = JSON.stringify(e);
      const header = Stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET });
      await webhooks.receive(Buffer.from(payload), header);
    }
    await until('every event to be handled', async () => {
      const [row] = await app.db.sql(`SELECT count(*)::int AS n FROM stripe_events WHERE state <> 'done'`);
      return row!.n === 0;
    });
  };

  it('makes customer, prices, meters and subscription, and the events that follow change nothing', async () => {
    const tenantId = await app.tenant('free', 'Acme & Sons');
    const made = await create(tenantId, { plan: 'professional' });
    expect(made).toMatchObject({ provider: 'stripe', plan: 'professional', status: 'active', amount: 2999 });
    expect(await app.planOf(tenantId)).toBe('professional');
    expect(lookupKeys(made)).toEqual([
      'professional_monthly_v1',
      'professional_requests_v1',
      'professional_bytes_v1',
    ]);
    expect(atStripe(made).metadata).toEqual({
      tenant_id: tenantId,
      subscription_id: made.id,
      plan: 'professional',
    });
    expect([...stripe.meters.values()].map((m) => m.event_name)).toEqual([
      'veloflux_requests',
      'veloflux_bytes',
    ]);
    const { version } = await read(made);
    await deliverAll();
    expect((await read(made)).version).toBe(version);
    const history = await app.db.sql('SELECT type FROM billing_history WHERE tenant_id = $1', [tenantId]);
    expect(history).toEqual([{ type: 'subscription.created' }]);
    expect(await codeOf(create(tenantId, {}))).toBe('409 SUBSCRIPTION_EXISTS');
  });

  it('makes one subscription when the answer to the order was lost and the order is sent again', async () => {
    const tenantId = await app.tenant();
    const before = stripe.subscriptions.size;
    await create(tenantId, { plan: 'enterprise', billing_cycle: 'yearly' }).then((s) =>
      update(s, { cancel_at_period_end: true }),
    );
    const second = await app.tenant();
    // the SDK itself tries three times; all of them are cut off after the work was done
    const prices = stripe.requests.length;
    stripe.order('drop_after', 'drop_after', 'drop_after');
    expect(await codeOf(create(second, { plan: 'enterprise' }))).toBe('503 STRIPE_UNAVAILABLE');
    const made = await create(second, { plan: 'enterprise' });
    expect(stripe.requests.length).toBeGreaterThan(prices);
    expect(stripe.subscriptions.size).toBe(before + 2);
    expect([...stripe.customers.values()].filter((c) => c.metadata.tenant_id === second)).toHaveLength(1);
    expect(made.status).toBe('active');
  });

  it('finds its subscription by a webhook when this process died before it heard the answer', async () => {
    const tenantId = await app.tenant();
    const made = await create(tenantId, {});
    // as it was when the process died: the order noted, nothing heard
    await app.db.sql(
      `UPDATE subscriptions SET external_id = NULL, status = 'incomplete', provider_status = 'incomplete' WHERE id = $1`,
      [made.id],
    );
    await app.db.sql('DELETE FROM stripe_objects');
    await app.db.sql(`UPDATE tenants SET plan = 'free' WHERE id = $1`, [tenantId]);
    await deliverAll();
    expect(await read(made)).toMatchObject({ status: 'active', external_id: made.external_id });
    expect(await app.planOf(tenantId)).toBe('basic');
    expect((await subscriptions.list(tenantId, { page: 1, limit: 10 })).total).toBe(1);
  });

  it('tells of a declined card and leaves nothing behind', async () => {
    const tenantId = await app.tenant();
    expect(await codeOf(create(tenantId, { payment_method: stripe.declined }))).toBe('422 VALIDATION_ERROR');
    expect(await app.planOf(tenantId)).toBe('free');
    expect((await create(tenantId, {})).status).toBe('active');
  });

  it('upgrades at once, downgrades with a schedule at the end of the period, and takes that back', async () => {
    const tenantId = await app.tenant();
    const s = await create(tenantId, {});
    const up = await update(s, { plan: 'enterprise' });
    expect([up.plan, await app.planOf(tenantId)]).toEqual(['enterprise', 'enterprise']);
    expect(lookupKeys(up)).toEqual([
      'enterprise_monthly_v1',
      'enterprise_requests_v1',
      'enterprise_bytes_v1',
    ]);

    const down = await update(s, { plan: 'professional' });
    expect([down.plan, down.pending_plan]).toEqual(['enterprise', 'professional']);
    await deliverAll();
    expect((await read(s)).pending_plan).toBe('professional');
    const back = await update(s, { plan: 'enterprise' });
    expect([back.pending_plan, back.schedule_id]).toEqual([null, null]);

    await update(s, { plan: 'professional' });
    stripe.endPeriod(s.external_id!);
    await deliverAll();
    expect(await read(s)).toMatchObject({ plan: 'professional', pending_plan: null });
    expect(await app.planOf(tenantId)).toBe('professional');
  });

  it('cancels at the end of the period and takes it back', async () => {
    const s = await create(await app.tenant(), {});
    expect((await subscriptions.cancel(s.tenant_id, s.id)).cancel_at_period_end).toBe(true);
    expect(atStripe(s).cancel_at_period_end).toBe(true);
    expect((await update(s, { cancel_at_period_end: false })).cancel_at_period_end).toBe(false);
    expect(atStripe(s).cancel_at_period_end).toBe(false);
  });

  it('sends whoever has no card to a checkout page, whose subscription counts when it is paid', async () => {
    const tenantId = await app.tenant();
    const s = await create(tenantId, { payment_method: 'stripe' });
    expect(s).toMatchObject({
      status: 'incomplete',
      checkout_url: expect.stringContaining('https://checkout.example.com/'),
    });
    expect(await app.planOf(tenantId)).toBe('free');
    stripe.completeCheckout(s.checkout_id!);
    await deliverAll();
    expect(await read(s)).toMatchObject({ status: 'active', plan: 'basic' });
    expect(await app.planOf(tenantId)).toBe('basic');
  });

  it('forgets a checkout that was given up', async () => {
    const s = await create(await app.tenant(), { payment_method: 'stripe' });
    expect((await subscriptions.cancel(s.tenant_id, s.id)).status).toBe('incomplete_expired');
    expect(stripe.checkouts.get(s.checkout_id!)!.status).toBe('expired');
    await deliverAll();
    expect((await read(s)).status).toBe('incomplete_expired');
  });

  it('opens one checkout at a time: another order closes the first page, and none is opened beside a paid one', async () => {
    const tenantId = await app.tenant();
    const first = await create(tenantId, { payment_method: 'stripe' });
    const second = await create(tenantId, { payment_method: 'stripe', plan: 'professional' });
    expect(stripe.checkouts.get(first.checkout_id!)!.status).toBe('expired');
    expect((await read(first)).status).toBe('incomplete_expired');
    // paid, and no event of it has come yet
    stripe.completeCheckout(second.checkout_id!);
    expect(await codeOf(create(tenantId, { payment_method: 'stripe', plan: 'enterprise' }))).toBe(
      '409 ORDER_IN_PROGRESS',
    );
    await deliverAll();
    expect(await app.planOf(tenantId)).toBe('professional');
  });

  it('makes one subscription of two different orders at once', async () => {
    const tenantId = await app.tenant();
    const answers = await Promise.all([
      codeOf(create(tenantId, { plan: 'basic' })),
      codeOf(create(tenantId, { plan: 'professional' })),
    ]);
    expect(answers.sort()).toEqual(['409 ORDER_IN_PROGRESS', 'done']);
    const ofTenant = [...stripe.subscriptions.values()].filter((s) => s.metadata.tenant_id === tenantId);
    expect(ofTenant).toHaveLength(1);
  });

  it('uses the trial up when it begins: not by a declined card, not by a checkout that nobody paid', async () => {
    const tenantId = await app.tenant();
    const trial = { plan: 'professional', trial: true } as const;
    expect(await codeOf(create(tenantId, { ...trial, payment_method: stripe.declined }))).toBe(
      '422 VALIDATION_ERROR',
    );
    const given = await create(tenantId, { ...trial, payment_method: 'stripe' });
    await subscriptions.cancel(tenantId, given.id);
    const s = await create(tenantId, { ...trial, payment_method: 'stripe' });
    stripe.completeCheckout(s.checkout_id!);
    await deliverAll();
    const running = await read(s);
    expect(running.status).toBe('trialing');
    const object = atStripe(running);
    object.status = 'canceled';
    stripe.emit('customer.subscription.deleted', object);
    await deliverAll();
    expect(await codeOf(create(tenantId, trial))).toBe('409 TRIAL_USED');
  });

  it('changes how it is paid: another card, by invoice, and shows it', async () => {
    const s = await create(await app.tenant(), {});
    const card = await update(s, { payment_method: 'pm_other' });
    expect([card.payment_method, atStripe(s).default_payment_method]).toEqual(['pm_other', 'pm_other']);
    const manual = await update(s, { payment_method: 'manual' });
    expect([manual.payment_method, atStripe(s).collection_method]).toEqual(['manual', 'send_invoice']);
    const back = await update(s, { payment_method: 'pm_other' });
    expect([back.payment_method, atStripe(s).collection_method]).toEqual([
      'pm_other',
      'charge_automatically',
    ]);
    expect(await codeOf(update(s, { payment_method: 'my mother' }))).toBe('422 VALIDATION_ERROR');
  });

  it('tries an upgrade anew after the card was declined', async () => {
    const s = await create(await app.tenant(), {});
    stripe.declineUpgrades = true;
    expect(await codeOf(update(s, { plan: 'enterprise' }))).toBe('422 VALIDATION_ERROR');
    stripe.declineUpgrades = false;
    expect((await update(s, { plan: 'enterprise' })).plan).toBe('enterprise');
  });

  it('goes on with the plan that is named after an end was ordered', async () => {
    const s = await create(await app.tenant(), { plan: 'professional' });
    await update(s, { plan: 'free' });
    expect(atStripe(s).cancel_at_period_end).toBe(true);
    expect((await update(s, { plan: 'professional' })).cancel_at_period_end).toBe(false);
    await update(s, { plan: 'free' });
    const down = await update(s, { plan: 'basic' });
    expect([down.cancel_at_period_end, down.pending_plan]).toEqual([false, 'basic']);
    expect(atStripe(s).cancel_at_period_end).toBe(false);
  });

  it('keeps the newer of two readings of one object, whichever answer comes first', async () => {
    const tenantId = await app.tenant();
    const s = await create(tenantId, {});
    await deliverAll();
    // the first reading is slow: it is answered when the second one is applied already
    for (let round = 0; round < 3; round++) {
      stripe.order('slow');
      for (const plan of ['professional', 'enterprise', 'basic']) {
        const object = atStripe(s);
        object.items.data[0]!.price = { ...object.items.data[0]!.price, lookup_key: `${plan}_monthly_v1` };
        stripe.emit('customer.subscription.updated', object);
      }
      await deliverAll();
      expect((await read(s)).plan).toBe('basic');
    }
  });

  it('reports each hour’s usage once, what came late too, and never twice after a lost answer', async () => {
    const tenantId = await app.tenant();
    const s = await create(tenantId, {});
    const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS;
    await app.db.sql('UPDATE subscriptions SET anchor = $2 WHERE id = $1', [s.id, new Date(hour)]);
    const use = (at: number, requests: number) =>
      app.db.sql(
        `INSERT INTO usage_minutes VALUES ($1, $2, $3, 0) ON CONFLICT (tenant_id, minute) DO UPDATE SET requests = EXCLUDED.requests`,
        [tenantId, new Date(at), requests],
      );
    const reported = () =>
      [...stripe.meterEvents.values()]
        .filter((e) => e.event_name === 'veloflux_requests')
        .map((e) => e.value);
    const reports = app.get(UsageReports);
    await use(hour - 60_000, 1_000_000);
    await use(hour, 100);
    await use(hour + 59 * 60_000, 20);
    await use(hour + HOUR_MS, 3);
    stripe.order('drop_after', 'drop_after');
    await Promise.all([reports.run(new Date()), reports.run(new Date())]);
    await until('the reports', async () => reported().length === 2);
    await use(hour, 150);
    await reports.run(new Date());
    await until('the late report', async () => reported().length === 3);
    await reports.run(new Date());
    await until('every report to be sent', async () => {
      const [row] = await app.db.sql(`SELECT count(*)::int AS n FROM usage_reports WHERE state <> 'done'`);
      return row!.n === 0;
    });
    expect(reported().sort((a, b) => a - b)).toEqual([3, 50, 120]);
    for (const e of stripe.meterEvents.values()) expect(e.customer).toBe(atStripe(s).customer);
  });

  it('finds in the night what differs from Stripe, and says so', async () => {
    const reconciliation = app.get(ReconciliationService);
    await deliverAll();
    const s = await create(await app.tenant(), {});
    await deliverAll();
    const before = await reconciliation.run();
    const about = (run: typeof before, object: string) => run.differences.filter((d) => d.object === object);
    expect([before.error, about(before, s.external_id!)]).toEqual([null, []]);
    // changed at Stripe, and no event of it ever came
    atStripe(s).status = 'past_due';
    const lost = newId('sub');
    stripe.subscriptions.set(lost, { ...atStripe(s), id: lost });
    const after = await reconciliation.run();
    expect(about(after, s.external_id!)).toEqual([
      {
        kind: 'subscription',
        tenantId: s.tenant_id,
        object: s.external_id,
        field: 'status',
        here: 'active',
        there: 'past_due',
      },
    ]);
    expect(about(after, lost)).toMatchObject([{ field: 'existence', here: null, there: 'past_due' }]);
    expect(await app.db.sql(`SELECT state FROM alerts WHERE fingerprint = 'billing_reconciliation'`)).toEqual(
      [{ state: 'firing' }],
    );
    expect((await reconciliation.list({ page: 1, limit: 1 })).items[0]!.id).toBe(after.id);
  });

  it('opens the customer portal', async () => {
    const s = await create(await app.tenant(), {});
    expect(await subscriptions.portal(s.tenant_id, 'https://lb.example.com')).toMatch(/^https:/);
  });
});
