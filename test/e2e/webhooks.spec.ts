import { createHmac } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Schema, VeloFluxClient } from '../../client/index.js';
import { messageSchema, violation } from '../fuzz/document.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { HttpDouble, type ReceivedRequest } from '../support/http-double.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  testDirectory,
  unique,
  until,
} from '../support/server.js';

type EventType = Schema['CreateWebhookEndpointRequest']['events'][number];

/** As a receiver checks a message: one signature fits, and the time is not minutes old. */
function isSignedWith(request: ReceivedRequest, secret: string): boolean {
  const parts = String(request.headers['x-veloflux-signature']).split(',');
  const time = parts.find((p) => p.startsWith('t='))!.slice(2);
  if (Math.abs(Date.now() / 1000 - Number(time)) > 300) return false;
  const right = createHmac('sha256', secret).update(`${time}.${request.body}`).digest('hex');
  return parts.includes(`v1=${right}`);
}

describe('webhooks', () => {
  let db: TestDatabase;
  let server: TestServer;
  let receiver: HttpDouble;
  let owner: SignedInTenant;
  let client: VeloFluxClient;
  const dataDir = testDirectory();
  const env = () => ({
    DATABASE_URL: db.url,
    OUTGOING_EXCEPTIONS: '127.0.0.1',
    ALERT_WEBHOOK_TOKEN: 'alertmanager',
  });
  beforeAll(async () => {
    db = await testDatabase();
    receiver = await new HttpDouble().start();
    server = await startServer({ dataDir, env: env() });
    owner = await newTenant(server, 'enterprise');
    client = server.client(owner.token);
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
    await receiver.stop();
    await db.close();
  });

  const subscribed: { path: { id: string } }[] = [];
  /** A webhook of the tenant on a path of its own, which answers 200; it goes with the test. */
  async function subscribe(...events: EventType[]) {
    const path = `/${unique('hook')}`;
    receiver.answers[path] = { status: 200 };
    const { data } = await client.POST('/api/webhooks', { body: { url: receiver.url + path, events } });
    const params = { path: { id: data!.id } };
    subscribed.push(params);
    return {
      ...data!,
      path,
      params,
      received: () => receiver.requests.filter((r) => r.path === path),
      answer: (status: number) => {
        receiver.answers[path] = { status };
      },
      log: async () => (await client.GET('/api/webhooks/{id}/deliveries', { params })).data!,
      ping: async () => (await client.POST('/api/webhooks/{id}/ping', { params })).data!,
    };
  }
  type Hook = Awaited<ReturnType<typeof subscribe>>;

  afterEach(async () => {
    for (const params of subscribed.splice(0)) await client.DELETE('/api/webhooks/{id}', { params });
    const bodies = receiver.requests
      .filter((r) => r.headers['x-veloflux-event'])
      .map((r) => JSON.parse(r.body));
    const wrong = bodies.map((body) => ({ body, wrong: violation(messageSchema(body.type), body) }));
    expect(wrong.filter((w) => w.wrong !== undefined)).toEqual([]);
  });
  const message = (hook: Hook, type: string) =>
    until(`a message ${type}`, () => hook.received().find((r) => JSON.parse(r.body).type === type));
  const settled = (hook: Hook, status: string, id?: string) =>
    until(`a delivery that is ${status}`, async () =>
      (await hook.log()).find((d) => d.status === status && (id === undefined || d.id === id)),
    );
  const newPool = async (name = unique('pool')) => {
    const body = { name, algorithm: 'round_robin' as const };
    const { response } = await client.POST('/api/pools', { body });
    expect(response.status).toBe(201);
    return name;
  };
  /** Changes rows as `sql` says and makes the workers look, so that no test waits for their next round. */
  const changeQueue = (sql: string, values: unknown[]): Promise<{ id: string }[]> =>
    db.database.system(async (tx) => {
      const [rows] = await tx.query(sql, values);
      await db.notifications.publish(tx, 'queue:webhook_deliveries', {});
      return rows;
    });
  const dueNow = (id: string, attempts?: number) =>
    changeQueue(
      `UPDATE webhook_deliveries SET available_at = clock_timestamp(), attempts = coalesce($2, attempts)
       WHERE id = $1 RETURNING id`,
      [id, attempts ?? null],
    );
  /** Counted as the try begins; it has failed once the next one is due later. */
  const failedTimes = (hook: Hook, n: number) =>
    until(`try ${n} to fail`, async () =>
      (await hook.log()).find(
        (d) => d.attempts === n && new Date(d.next_attempt_at ?? 0).getTime() > Date.now(),
      ),
    );

  describe('settings', () => {
    it('show the secret once and store it encrypted', async () => {
      const hook = await subscribe('config.changed');
      expect(hook.secret).toMatch(/^whsec_[\w-]{43}$/);
      const shown = [
        await client.GET('/api/webhooks/{id}', { params: hook.params }),
        await client.GET('/api/webhooks', { params: { query: { limit: 200 } } }),
        await client.GET('/api/audit', { params: { query: { object: hook.id } } }),
      ].map((answer) => answer.data);
      expect(shown[2]).toMatchObject([{ action: 'webhook.created' }]);
      const stored = await db.sql('SELECT * FROM webhook_endpoints WHERE id = $1', [hook.id]);
      expect(JSON.stringify([shown, stored])).not.toContain(hook.secret);
    });

    it.each([
      'http://hooks.example.com/',
      'https://10.0.0.1/',
      'https://169.254.169.254/latest/meta-data/',
      'https://[::1]/',
      'https://localhost/',
      'https://user:password@hooks.example.com/',
      'ftp://hooks.example.com/',
    ])('refuse %s', async (url) => {
      const { response, error } = await client.POST('/api/webhooks', { body: { url, events: ['*'] } });
      expect([response.status, error?.details?.[0]?.field]).toEqual([422, 'url']);
      const hook = await subscribe('alert.fired');
      const changed = await client.PUT('/api/webhooks/{id}', { params: hook.params, body: { url } });
      expect(changed.response.status).toBe(422);
    });

    it('are at most 20 a tenant, however many are asked for at once', async () => {
      const crowded = server.client((await newTenant(server)).token);
      const body = { url: `${receiver.url}/one-of-many`, events: ['alert.fired' as const] };
      const many = await Promise.all(
        Array.from({ length: 30 }, () => crowded.POST('/api/webhooks', { body })),
      );
      const answers = many.map(({ response, error }) => `${response.status} ${error?.code ?? ''}`);
      expect(answers.filter((a) => a === '201 ')).toHaveLength(20);
      expect(answers.filter((a) => a === '403 LIMIT_REACHED')).toHaveLength(10);
    });

    it('belong to the tenant alone', async () => {
      const hook = await subscribe('*');
      const delivery = await hook.ping();
      const stranger = server.client((await newTenant(server)).token);
      const answers = [
        await stranger.GET('/api/webhooks/{id}', { params: hook.params }),
        await stranger.PUT('/api/webhooks/{id}', { params: hook.params, body: { enabled: false } }),
        await stranger.DELETE('/api/webhooks/{id}', { params: hook.params }),
        await stranger.POST('/api/webhooks/{id}/ping', { params: hook.params }),
        await stranger.POST('/api/webhooks/{id}/rotate-secret', { params: hook.params }),
        await stranger.GET('/api/webhooks/{id}/deliveries', { params: hook.params }),
        await stranger.POST('/api/webhooks/{id}/deliveries/{delivery_id}/replay', {
          params: { path: { id: hook.id, delivery_id: delivery.id } },
        }),
      ];
      expect(answers.map((a) => a.response.status)).toEqual([404, 404, 404, 404, 404, 404, 404]);
      expect((await stranger.GET('/api/webhooks')).data).toEqual([]);
    });
  });

  describe('messages', () => {
    it('are signed with the time, say what happened, and are logged', async () => {
      const hook = await subscribe('config.changed');
      const pool = await newPool();
      const request = await message(hook, 'config.changed');
      expect(isSignedWith(request, hook.secret)).toBe(true);
      expect(isSignedWith({ ...request, body: `${request.body} ` }, hook.secret)).toBe(false);
      expect(isSignedWith(request, 'whsec_another')).toBe(false);
      const body = JSON.parse(request.body);
      expect(body).toMatchObject({
        type: 'config.changed',
        tenant_id: owner.tenantId,
        data: { version: expect.any(Number), summary: [expect.stringContaining(pool)], actor: owner.email },
      });
      const delivery = await settled(hook, 'delivered');
      expect(delivery).toMatchObject({
        id: request.headers['x-veloflux-delivery'],
        event_id: body.id,
        type: 'config.changed',
        attempts: 1,
        response_status: 200,
        error: null,
        delivered_at: expect.any(String),
        next_attempt_at: null,
      });
      expect(request.headers['x-veloflux-event']).toBe('config.changed');
    });

    it('come for the events that were asked for, and for all with *', async () => {
      const [alerts, all] = [await subscribe('alert.fired'), await subscribe('*')];
      await newPool();
      await message(all, 'config.changed');
      await message(all, 'pool.created');
      expect(await alerts.log()).toEqual([]);
    });

    it('are sent again later, the same, when the receiver fails', async () => {
      const hook = await subscribe('config.changed');
      hook.answer(500);
      // half of 10 s or more, then half of 20 s or more: the rest is chance
      const begun = Date.now();
      await newPool();
      const failed = await failedTimes(hook, 1);
      expect(failed).toMatchObject({ response_status: 500, error: 'the receiver answered 500' });
      const first = new Date(failed.next_attempt_at!).getTime();
      expect(first - begun).toBeGreaterThanOrEqual(5000);
      expect(first - Date.now()).toBeLessThanOrEqual(10_000);
      const again = Date.now();
      await dueNow(failed.id);
      const second = new Date((await failedTimes(hook, 2)).next_attempt_at!).getTime();
      expect(second - again).toBeGreaterThanOrEqual(10_000);
      expect(second - Date.now()).toBeLessThanOrEqual(20_000);
      hook.answer(204);
      await dueNow(failed.id);
      expect(await settled(hook, 'delivered')).toMatchObject({
        attempts: 3,
        response_status: 204,
        error: null,
      });
      expect(new Set(hook.received().map((r) => r.body)).size).toBe(1);
      expect(new Set(hook.received().map((r) => r.headers['x-veloflux-delivery'])).size).toBe(1);
    });

    it('are given up after the sixteenth try, and can be sent once more', async () => {
      const hook = await subscribe('config.changed');
      hook.answer(503);
      await newPool();
      const { id } = await failedTimes(hook, 1);
      await dueNow(id, 15);
      const dead = await settled(hook, 'dead');
      expect(dead).toMatchObject({
        id,
        attempts: 16,
        next_attempt_at: null,
        error: 'the receiver answered 503',
      });
      hook.answer(200);
      const replay = await client.POST('/api/webhooks/{id}/deliveries/{delivery_id}/replay', {
        params: { path: { id: hook.id, delivery_id: id } },
      });
      expect(replay.response.status).toBe(202);
      const delivered = await settled(hook, 'delivered');
      expect(delivered).toMatchObject({ id: replay.data!.id, replay_of: id, event_id: dead.event_id });
      const bodies = hook.received().map((r) => r.body);
      expect(bodies.at(-1)).toBe(bodies[0]);
      expect((await hook.log()).map((d) => d.id)).toEqual([replay.data!.id, id]);
    });

    it('are not held up by receivers of others that hang', async () => {
      const stuck = server.client((await newTenant(server)).token);
      receiver.answers['/hangs'] = 'nothing';
      for (let i = 0; i < 6; i++) {
        const body = { url: `${receiver.url}/hangs`, events: ['alert.fired' as const] };
        const { data } = await stuck.POST('/api/webhooks', { body });
        for (let n = 0; n < 8; n++)
          await stuck.POST('/api/webhooks/{id}/ping', { params: { path: { id: data!.id } } });
      }
      const hanging = () => receiver.requests.filter((r) => r.path === '/hangs').length;
      await until('some to hang', () => hanging() >= 4);
      const hook = await subscribe('config.changed');
      const { id } = await hook.ping();
      await settled(hook, 'delivered', id);
      // a tenant's share
      expect(hanging()).toBe(4);
      await db.sql(`DELETE FROM webhook_endpoints WHERE url LIKE '%/hangs'`);
    });

    it('go nowhere else by a redirect, and tell when nobody listens', async () => {
      const hook = await subscribe('config.changed');
      receiver.answers[hook.path] = { status: 302, headers: { location: `${receiver.url}/elsewhere` } };
      await hook.ping();
      expect((await failedTimes(hook, 1)).error).toContain('redirect');
      expect(receiver.requests.some((r) => r.path === '/elsewhere')).toBe(false);
      const body = { url: 'http://127.0.0.1:1/' };
      await client.PUT('/api/webhooks/{id}', { params: hook.params, body });
      const { id } = await hook.ping();
      const failed = await until('the failure', async () =>
        (await hook.log()).find((d) => d.id === id && d.error),
      );
      expect(failed).toMatchObject({ response_status: null, error: 'no connection, or it broke' });
    });

    it('stop when the receiver says that it is gone, until it is switched on again', async () => {
      const hook = await subscribe('config.changed');
      hook.answer(410);
      await newPool();
      const failed = await failedTimes(hook, 1);
      expect((await client.GET('/api/webhooks/{id}', { params: hook.params })).data!.enabled).toBe(false);
      const audit = await client.GET('/api/audit', { params: { query: { object: hook.id } } });
      expect(audit.data!.map((e) => e.action)).toEqual(['webhook.disabled', 'webhook.created']);
      await newPool();
      await dueNow(failed.id);
      expect((await failedTimes(hook, 2)).error).toBe('the webhook is switched off');
      expect(hook.received()).toHaveLength(1);
      expect(await hook.log()).toHaveLength(1);
      hook.answer(200);
      await client.PUT('/api/webhooks/{id}', { params: hook.params, body: { enabled: true } });
      await dueNow(failed.id);
      await settled(hook, 'delivered');
    });

    it('carry both secrets’ signatures after a rotation, and only the new one’s after a leak', async () => {
      const hook = await subscribe('config.changed');
      const rotate = async (overlap?: string) =>
        (
          await client.POST('/api/webhooks/{id}/rotate-secret', {
            params: { ...hook.params, query: overlap ? { overlap } : {} },
          })
        ).data!.secret;
      const pinged = async () => {
        const { id } = await hook.ping();
        return until('the ping', () => hook.received().find((r) => r.headers['x-veloflux-delivery'] === id));
      };
      const second = await rotate();
      const during = await pinged();
      expect([hook.secret, second].map((s) => isSignedWith(during, s))).toEqual([true, true]);
      await db.sql(
        `UPDATE webhook_endpoints SET previous_secret_until = now() - interval '1 minute' WHERE id = $1`,
        [hook.id],
      );
      const after = await pinged();
      expect([hook.secret, second].map((s) => isSignedWith(after, s))).toEqual([false, true]);
      const third = await rotate('0s');
      const leaked = await pinged();
      expect([second, third].map((s) => isSignedWith(leaked, s))).toEqual([false, true]);
    });
  });

  describe('tell of', () => {
    it('backends that fall ill and recover', async () => {
      const hook = await subscribe('backend.unhealthy', 'backend.healthy');
      const upstream = await new HttpDouble().start();
      upstream.answers['/health'] = { status: 200 };
      const pool = unique('watched');
      const health_check = {
        enabled: true,
        path: '/health',
        interval: '1s',
        // a check of a busy machine is late, not failed
        timeout: '1s',
        rise: 1,
        fall: 1,
      };
      const made = await client.POST('/api/pools', {
        body: { name: pool, algorithm: 'round_robin', health_check },
      });
      expect(made.response.status).toBe(201);
      const backend = await client.POST('/api/backends', {
        body: { pool, address: upstream.url.replace('http://', '') },
      });
      expect(backend.response.status).toBe(201);
      await until('a first good check', () => upstream.requests.some((r) => r.path === '/health'));
      upstream.answers['/health'] = { status: 500 };
      const ill = await message(hook, 'backend.unhealthy');
      expect(JSON.parse(ill.body).data).toMatchObject({ backend_id: backend.data!.id, to: 'unhealthy' });
      upstream.answers['/health'] = { status: 200 };
      const well = await message(hook, 'backend.healthy');
      expect(JSON.parse(well.body).data).toMatchObject({ backend_id: backend.data!.id, from: 'unhealthy' });
      expect(hook.received()).toHaveLength(2);
      await upstream.stop();
    });

    it('alerts that fire and end', async () => {
      const hook = await subscribe('alert.fired', 'alert.resolved');
      const report = (status: 'firing' | 'resolved') =>
        fetch(`${server.api}/api/alerts/webhook`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: 'Bearer alertmanager' },
          body: JSON.stringify({
            version: '4',
            status,
            alerts: [
              {
                status,
                labels: { alertname: 'HighLatency', severity: 'critical', tenant_id: owner.tenantId },
                annotations: { summary: 'p95 is 3 s' },
                startsAt: new Date().toISOString(),
              },
            ],
          }),
        });
      expect((await report('firing')).status).toBe(200);
      // the backend of the test before may have alerts of its own that fire and end meanwhile
      const told = () =>
        hook
          .received()
          .map(({ body }) => JSON.parse(body))
          .filter(({ data }) => data.message.startsWith('HighLatency'));
      const fired = await until('the alert that fired', () => told().find((e) => e.type === 'alert.fired'));
      expect(fired.data).toMatchObject({ severity: 'CRITICAL', message: 'HighLatency: p95 is 3 s' });
      await report('firing');
      await report('resolved');
      await until('its end', () => told().some((e) => e.type === 'alert.resolved'));
      expect(told()).toHaveLength(2);
    });

    it('invoices that are paid', async () => {
      const hook = await subscribe('invoice.paid');
      const body = {
        plan: 'professional' as const,
        billing_cycle: 'monthly' as const,
        payment_method: 'manual',
      };
      expect((await client.POST('/api/billing/subscriptions', { body })).response.status).toBe(201);
      const [invoice] = (await client.GET('/api/billing/invoices')).data!;
      const admin = server.client(await adminToken(server));
      const paid = await admin.POST('/api/billing/invoices/{id}/pay', {
        params: { path: { id: invoice!.id } },
      });
      expect(paid.response.status).toBe(200);
      const told = JSON.parse((await message(hook, 'invoice.paid')).body);
      expect(told.data).toMatchObject({
        object: { type: 'invoice', id: invoice!.id },
        details: { amount_due: invoice!.amount_due, currency: invoice!.currency },
      });
    });
  });

  it('survive kill -9: what was being sent is sent by the next process', async () => {
    owner = await newTenant(server, 'enterprise');
    client = server.client(owner.token);
    const hook = await subscribe('config.changed');
    receiver.answers[hook.path] = 'nothing';
    await newPool();
    await until('the message to arrive', () => hook.received().length === 1);
    await server.kill();
    server = await startServer({ dataDir, env: env() });
    client = server.client(owner.token);
    hook.answer(200);
    // the dead process's lease, which would run out by itself within 30 s
    const leased = await changeQueue(
      `UPDATE webhook_deliveries SET leased_until = clock_timestamp() WHERE endpoint_id = $1 AND state = 'running'
       RETURNING id`,
      [hook.id],
    );
    expect(leased).toHaveLength(1);
    expect(await settled(hook, 'delivered')).toMatchObject({ id: leased[0]!.id, attempts: 2 });
    expect(new Set(hook.received().map((r) => r.body)).size).toBe(1);
  });
});
