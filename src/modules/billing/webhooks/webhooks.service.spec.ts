import { createHmac } from 'node:crypto';
import { BillingApp } from '../../../../test/support/billing.js';
import { fc } from '../../../../test/support/property.js';
import { until } from '../../../../test/support/until.js';
import { SubscriptionsService } from '../subscriptions.service.js';
import { WebhooksService } from './webhooks.service.js';

const SECRET = 'whsec_test';
const NOW = Math.floor(Date.now() / 1000);
const PAGE = { page: 1, limit: 200 };

describe('Webhooks without a key', () => {
  let app: BillingApp;
  let webhooks: WebhooksService;
  let counter = 0;

  beforeAll(async () => {
    app = await BillingApp.start({ STRIPE_WEBHOOK_SECRET: SECRET });
    webhooks = app.get(WebhooksService);
  });
  afterAll(() => app.close());

  const event = (type: string, object: object, created = NOW) => ({
    id: `evt_${++counter}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created,
    type,
    data: { object },
  });
  const subscription = (tenantId: string, id: string, plan: string, over: object = {}) => ({
    id,
    object: 'subscription',
    customer: `cus_${id}`,
    status: 'active',
    currency: 'usd',
    metadata: { tenant_id: tenantId },
    items: {
      data: [
        {
          id: 'si',
          quantity: 1,
          current_period_start: NOW,
          current_period_end: NOW + 2_592_000,
          price: {
            lookup_key: `${plan}_monthly`,
            unit_amount: 2999,
            currency: 'usd',
            recurring: { interval: 'month' },
          },
        },
      ],
    },
    ...over,
  });
  const invoice = (tenantId: string, subscriptionId: string, id: string, status: 'paid' | 'open') => ({
    id,
    object: 'invoice',
    status,
    amount_due: 2999,
    amount_paid: status === 'paid' ? 2999 : 0,
    currency: 'usd',
    created: NOW,
    attempt_count: 1,
    parent: { subscription_details: { subscription: subscriptionId, metadata: { tenant_id: tenantId } } },
    lines: {
      data: [{ description: 'Plan', quantity: 1, amount: 2999, period: { start: NOW, end: NOW + 60 } }],
    },
  });
  const receive = (value: object) => receiveBytes(Buffer.from(JSON.stringify(value)));
  const receiveBytes = (payload: Buffer) => {
    const t = Math.floor(Date.now() / 1000);
    const v1 = createHmac('sha256', SECRET).update(`${t}.${payload}`).digest('hex');
    return webhooks.receive(payload, `t=${t},v1=${v1}`);
  };
  const settled = () =>
    until('every event to be handled', async () => {
      const [row] = await app.db.sql(`SELECT count(*)::int AS n FROM stripe_events WHERE state <> 'done'`);
      return row!.n === 0;
    });
  const outcomeOf = async (id: string) =>
    (await app.db.sql('SELECT outcome FROM stripe_events WHERE id = $1', [id]))[0]!.outcome;
  const stateOf = async (tenantId: string) => {
    const { items } = await app.get(SubscriptionsService).list(tenantId, PAGE);
    const invoices = await app.db.sql(
      'SELECT external_id, status, payment_failed FROM invoices WHERE tenant_id = $1 ORDER BY external_id',
      [tenantId],
    );
    return {
      plan: await app.planOf(tenantId),
      subscriptions: items.map((s) => [s.plan, s.status, s.cancel_at_period_end]),
      invoices,
    };
  };

  it('comes to the same state in whatever order the events of one subscription arrive, however often', async () => {
    /** Of a subscription that fails to pay, pays, is upgraded and either goes on or ends. */
    const story = (tenantId: string, id: string, ends: boolean) => [
      event('customer.subscription.created', subscription(tenantId, id, 'basic'), NOW),
      event('invoice.paid', invoice(tenantId, id, `in_${id}_1`, 'paid'), NOW),
      event('customer.subscription.updated', subscription(tenantId, id, 'professional'), NOW + 10),
      event('invoice.payment_failed', invoice(tenantId, id, `in_${id}_2`, 'open'), NOW + 20),
      event('invoice.paid', invoice(tenantId, id, `in_${id}_2`, 'paid'), NOW + 30),
      event('invoice.payment_failed', invoice(tenantId, id, `in_${id}_3`, 'open'), NOW + 40),
      ends
        ? event('customer.subscription.deleted', subscription(tenantId, id, 'professional'), NOW + 50)
        : event(
            'customer.subscription.updated',
            subscription(tenantId, id, 'enterprise', { cancel_at_period_end: true }),
            NOW + 50,
          ),
    ];
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 7, maxLength: 7 }),
        fc.array(fc.nat(6), { maxLength: 5 }),
        async (ends, order, again) => {
          const [straight, mixed] = [await app.tenant(), await app.tenant()];
          n += 1;
          const inOrder = story(straight, `sub_a${n}`, ends);
          const shuffled = story(mixed, `sub_b${n}`, ends);
          for (const e of inOrder) {
            await receive(e);
            await settled();
          }
          await Promise.all([...order, ...again].map((i) => receive(shuffled[i]!)));
          await settled();
          const [a, b] = [await stateOf(straight), await stateOf(mixed)];
          expect(JSON.parse(JSON.stringify(b).replaceAll(`sub_b${n}`, `sub_a${n}`))).toEqual(a);
          expect(a.plan).toBe(ends ? 'free' : 'enterprise');
          expect(a.subscriptions).toEqual([
            ends ? ['professional', 'canceled', false] : ['enterprise', 'past_due', true],
          ]);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('stores what it does not know and changes nothing', async () => {
    const tenantId = await app.tenant();
    const strange = [
      event('entitlements.future_thing', { id: 'x', object: 'thing' }),
      event(
        'customer.subscription.updated',
        subscription(tenantId, 'sub_odd', 'basic', { status: 'hibernating' }),
      ),
      event('customer.subscription.created', subscription('tenant_nobody', 'sub_nobody', 'basic')),
      event('customer.subscription.created', subscription(tenantId, 'sub_price', 'platinum')),
      event('invoice.paid', { id: 'in_bare', object: 'invoice' }),
      event('v2.core.thin', null as never),
      { id: 'evt_no_data', type: 'customer.subscription.created', created: NOW },
    ];
    for (const e of strange) expect(await receive(e)).toMatchObject({ duplicate: false });
    await settled();
    for (const e of strange) expect(await outcomeOf(e.id)).toMatch(/^ignored: /);
    expect(await stateOf(tenantId)).toEqual({ plan: 'free', subscriptions: [], invoices: [] });
  });

  it('never lets one tenant’s event change another tenant’s subscription', async () => {
    const [owner, other] = [await app.tenant(), await app.tenant()];
    await receive(event('customer.subscription.created', subscription(owner, 'sub_theirs', 'basic')));
    await settled();
    await receive(
      event('customer.subscription.updated', subscription(other, 'sub_theirs', 'enterprise'), NOW + 1),
    );
    await settled();
    expect((await stateOf(other)).plan).toBe('free');
    expect((await stateOf(owner)).plan).toBe('enterprise');
  });

  it('gives up after eight tries with an alert, and a replay handles it after all', async () => {
    const tenantId = await app.tenant();
    await app.db.sql(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`,
    );
    await app.db.sql(
      'CREATE TRIGGER refuse BEFORE INSERT ON subscriptions FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    const made = event('customer.subscription.created', subscription(tenantId, 'sub_dead', 'basic'));
    await receive(made);
    const row = async () =>
      (await app.db.sql('SELECT state, attempts FROM stripe_events WHERE id = $1', [made.id]))[0]!;
    await until(
      'the event to be dead',
      async () => {
        // what waits for its next try is due now
        await app.db.sql(
          `UPDATE stripe_events SET available_at = now() WHERE id = $1 AND state = 'pending'`,
          [made.id],
        );
        return (await row()).state === 'dead';
      },
      28_000,
    );
    expect(await row()).toEqual({ state: 'dead', attempts: 8 });
    const alert = () =>
      app.db.sql('SELECT state, severity FROM alerts WHERE fingerprint = $1', [`webhook_dead:${made.id}`]);
    expect(await alert()).toEqual([{ state: 'firing', severity: 'CRITICAL' }]);
    expect((await webhooks.list('dead', PAGE)).items.map((r) => r.id)).toEqual([made.id]);

    await app.db.sql('DROP TRIGGER refuse ON subscriptions');
    await webhooks.replay(made.id);
    await settled();
    expect(await app.planOf(tenantId)).toBe('basic');
    expect(await alert()).toEqual([{ state: 'resolved', severity: 'CRITICAL' }]);
    await expect(webhooks.replay('evt_none')).rejects.toMatchObject({ status: 404 });
  });

  it('refuses a signed body that is no event', async () => {
    for (const body of [[], 'text', { id: 'evt_x' }, { type: 'a.b' }, { id: 7, type: 'a.b' }, null])
      await expect(receive(body as object)).rejects.toMatchObject({ status: 400 });
    for (const text of ['', '{', 'a=1'])
      await expect(receiveBytes(Buffer.from(text))).rejects.toMatchObject({ code: 'INVALID_EVENT' });
  });
});
