import { createHmac } from 'node:crypto';
import { caller } from '../support/api.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { newTenant, startServer, type TestServer } from '../support/server.js';

const SECRET = 'whsec_large';

let db: TestDatabase;
let server: TestServer;
beforeAll(async () => {
  db = await testDatabase();
  server = await startServer({ env: { DATABASE_URL: db.url, STRIPE_WEBHOOK_SECRET: SECRET } });
}, 60_000);
afterAll(async () => {
  await server.stop();
  await db.close();
}, 60_000);

describe('Lists of billing', () => {
  it('can be narrowed to a status or to what happened', async () => {
    const { token } = await newTenant(server);
    const ask = caller(server.api, token);
    const made = await ask<{ id: string }>('POST', '/api/billing/subscriptions', { plan: 'basic' });
    await ask('POST', '/api/billing/upgrade', { plan: 'professional' });
    const count = async (path: string) => {
      const { status, headers, body } = await ask<unknown[]>('GET', `/api/billing/${path}`);
      return status === 200 ? [body.length, Number(headers.get('x-total-count'))] : status;
    };
    expect(await count('invoices?status=open')).toEqual([2, 2]);
    expect(await count('invoices?status=open&limit=1&page=2')).toEqual([1, 2]);
    expect(await count('invoices?status=paid')).toEqual([0, 0]);
    expect(await count('invoices?status=lost')).toBe(422);
    expect(await count(`invoices?subscription_id=${made.body.id}`)).toEqual([2, 2]);
    expect(await count('subscriptions?status=active')).toEqual([1, 1]);
    expect(await count('subscriptions?status=canceled')).toEqual([0, 0]);
    expect(await count('history')).toEqual([4, 4]);
    expect(await count('history?type=invoice')).toEqual([2, 2]);
    expect(await count('history?type=subscription.upgraded')).toEqual([1, 1]);
    expect(await count('history?type=inv')).toEqual([0, 0]);
  });
});

describe('Stripe’s deliveries, over HTTP', () => {
  const signed = (payload: string) => {
    const t = Math.floor(Date.now() / 1000);
    return `t=${t},v1=${createHmac('sha256', SECRET).update(`${t}.${payload}`).digest('hex')}`;
  };
  const deliver = async (payload: string, signature = signed(payload)) => {
    const { status, body } = await caller(server.api)<{ code?: string; state?: string }>(
      'POST',
      '/api/billing/webhooks',
      payload,
      { 'stripe-signature': signature },
    );
    return [status, body.code ?? body.state];
  };
  const line = {
    id: 'il_1',
    description: 'x'.repeat(80),
    amount: 1,
    metadata: { a: 'b' },
    period: { start: 1, end: 2 },
  };
  const invoiceOf = (id: string, lines: number) =>
    JSON.stringify({
      id,
      type: 'invoice.paid',
      created: 1,
      data: { object: { id: 'in_1', object: 'invoice', lines: { data: Array(lines).fill(line) } } },
    });

  it('takes an invoice with thousands of lines', async () => {
    const large = invoiceOf('evt_large', 5000);
    expect(large.length).toBeGreaterThan(700_000);
    expect(await deliver(large)).toEqual([200, 'pending']);
    const [row] = await db.sql(`SELECT length(payload::text) AS n FROM stripe_events WHERE id = 'evt_large'`);
    expect(Number(row!.n)).toBeGreaterThan(700_000);
  });

  it('refuses more than a megabyte', async () => {
    expect((await deliver(invoiceOf('evt_huge', 8000)))[0]).toBe(413);
  });

  it('reads nothing of a body before its signature was found good', async () => {
    for (const body of ['{', '[]', 'null', '', invoiceOf('evt_forged', 5000), `{"constructor": 1}`])
      expect(await deliver(body, 't=1,v1=00')).toEqual([400, 'INVALID_SIGNATURE']);
  });

  it('says what is no event, though signed', async () => {
    for (const body of ['{', '[]', 'null', '"evt"', '{"id": 5, "type": "x"}', '['.repeat(100_000)])
      expect((await deliver(body))[0]).toBe(400);
  });

  it('stores texts that PostgreSQL would not take as they are', async () => {
    const metadata = { constructor: 'x', note: 'a\u0000b', cut: '\ud83d' };
    const odd = JSON.stringify({
      id: 'evt_odd',
      type: 'plan.created',
      data: { object: { id: 'p', metadata } },
    });
    expect(await deliver(odd)).toEqual([200, 'pending']);
    const [row] = await db.sql(
      `SELECT payload #> '{data,object,metadata}' AS m FROM stripe_events WHERE id = 'evt_odd'`,
    );
    expect(row!.m).toEqual({ constructor: 'x', note: 'a\ufffdb', cut: '\ufffd' });
  });
});
