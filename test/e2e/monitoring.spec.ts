import { type TestDatabase, testDatabase } from '../support/database.js';
import { HttpDouble } from '../support/http-double.js';
import { LiveSocket } from '../support/live.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  unique,
  until,
} from '../support/server.js';

const WEBHOOK_TOKEN = 'the-shared-token-of-the-webhook';

describe('monitoring, on two nodes with one database', () => {
  let db: TestDatabase;
  let first: TestServer;
  let second: TestServer;
  let receiver: HttpDouble;
  let upstream: HttpDouble;
  let admin: string;
  let mine: SignedInTenant;

  beforeAll(async () => {
    db = await testDatabase();
    receiver = await new HttpDouble().start();
    receiver.answers = { '/hook': { body: {} } };
    upstream = await new HttpDouble().start();
    upstream.answers = { '/shop': { body: {} }, '/broken': { status: 500 }, '/health': { body: {} } };
    const env = {
      DATABASE_URL: db.url,
      JWT_SECRET: 'j'.repeat(40),
      ENCRYPTION_KEY: 'e'.repeat(40),
      ALERT_WEBHOOK_TOKEN: WEBHOOK_TOKEN,
      NOTIFY_WEBHOOK_URL: `${receiver.url}/hook`,
      NOTIFY_WEBHOOK_SECRET: 'a-secret-that-signs',
      OUTGOING_EXCEPTIONS: '127.0.0.1',
    };
    first = await startServer({ env: { ...env, NODE_NAME: 'first' } });
    second = await startServer({ env: { ...env, NODE_NAME: 'second' } });
    admin = await adminToken(first);
    mine = await newTenant(first);
  }, 90_000);
  afterAll(async () => {
    await Promise.all([first.stop(), second.stop(), receiver.stop(), upstream.stop()]);
    await db.close();
  }, 60_000);

  const request = async (
    server: TestServer,
    method: string,
    path: string,
    token: string | null,
    body?: unknown,
  ) => {
    const response = await fetch(server.api + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        'content-type': 'application/json',
        'cache-control': 'no-cache',
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, looked at by field
    return { status: response.status, body: (text ? JSON.parse(text) : null) as any };
  };
  const get = async (path: string, token: string) => (await request(first, 'GET', path, token)).body;

  /** A pool with one backend, and a route to it. */
  const route = async (address: string, tenant = mine) => {
    const pool = unique('pool');
    const host = `${unique('host')}.example.com`;
    const check = { path: '/health', interval: '1s', timeout: '500ms', expected_status: 200 };
    const steps = [
      ['/api/pools', { name: pool, algorithm: 'round_robin' }],
      ['/api/backends', { address, pool, weight: 1, health_check: check }],
      ['/api/routes', { host, pool, path_prefix: '/' }],
    ] as const;
    let last: { id: string } = { id: '' };
    const ids: string[] = [];
    for (const [path, body] of steps) {
      const made = await request(first, 'POST', `${path}?wait=applied`, tenant.token, body);
      expect(made.status).toBe(201);
      last = made.body;
      ids.push(last.id);
    }
    return { host, pool, backendId: ids[1]! };
  };
  const through = async (server: TestServer, host: string, path: string) => {
    const { request: send } = await import('node:http');
    return new Promise<number>((ok, no) => {
      const sent = send(server.proxy + path, { headers: { host }, agent: false }, (answer) => {
        answer.resume().once('end', () => ok(answer.statusCode!));
      });
      sent.on('error', no).end();
    });
  };

  it('carries a change made on one node to the clients of the other', async () => {
    const socket = await LiveSocket.open(second.api, `/api/ws/backends?token=${mine.token}`);
    await socket.next('the list', (f) => f.type === 'backends');
    const { backendId } = await route('192.0.2.5:80');
    await socket.next('the new backend', (f) => JSON.stringify(f).includes(backendId));
    const status = await LiveSocket.open(second.api, '/api/ws/status');
    await status.next('the first frame', () => true);
    expect((await request(first, 'POST', '/api/ws/force-update', admin)).body.force_update).toBe('triggered');
    await until('a forced frame', () => status.frames.length > 1);
    socket.close();
    status.close();
  });

  it('ends sockets on the other node with their session', async () => {
    const { token } = await newTenant(first);
    const socket = await LiveSocket.open(second.api, `/api/ws/metrics?token=${token}`);
    await request(first, 'POST', '/api/auth/logout', token);
    expect((await socket.nextClose(3000)).code).toBe(4401);
  });

  it('answers metrics, analytics and logs from the traffic that both nodes carried', async () => {
    const { host } = await route(`127.0.0.1:${new URL(upstream.url).port}`);
    for (const server of [first, second]) {
      await until('the route', async () => (await through(server, host, '/shop')) === 200);
      for (let i = 0; i < 10; i++) await through(server, host, '/shop');
      expect(await through(server, host, '/broken')).toBe(500);
    }
    const metrics = await until('the figures of both nodes', async () => {
      const body = await get(`/api/tenants/${mine.tenantId}/metrics`, mine.token);
      return body.requests >= 24 && body.error_rate > 0 ? body : null;
    });
    expect(metrics.top_endpoints[0]).toMatchObject({ path: '/shop', requests: expect.any(Number) });
    expect(metrics.response_time_p95).toBeGreaterThan(0);
    expect(metrics.bandwidth_usage.outbound_mb).toBeGreaterThan(0);
    const analytics = await get('/api/analytics?range=1h&step=1m&by=route', mine.token);
    expect(analytics.requests).toBeGreaterThanOrEqual(24);
    expect(analytics.series[0].name).toBe(`${host}/`);
    expect(analytics.series[0].points.length).toBeGreaterThanOrEqual(60);
    const errors = await get(`/api/tenants/${mine.tenantId}/logs?level=error`, mine.token);
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect(errors[0]).toMatchObject({ level: 'ERROR', component: 'PROXY', source: 'access' });
    const [broken] = await get(`/api/tenants/${mine.tenantId}/logs?component=proxy&q=/BROKEN`, mine.token);
    expect(broken).toMatchObject({ route: `${host}/`, backend: `127.0.0.1:${new URL(upstream.url).port}` });
    expect(broken.pool).toEqual(expect.any(String));
    expect(await get(`/api/tenants/${mine.tenantId}/logs?q=%25`, mine.token)).toEqual([]);
    const created = await get(`/api/tenants/${mine.tenantId}/logs?component=route`, mine.token);
    expect(created.every((line: { component: string }) => line.component === 'ROUTE')).toBe(true);
    const audit = await get(`/api/tenants/${mine.tenantId}/logs?limit=200`, mine.token);
    const times = audit.map((line: { timestamp: string }) => line.timestamp);
    expect(times).toEqual([...times].sort().reverse());
    expect(audit.some((line: { message: string }) => line.message.includes(host))).toBe(true);
  });

  it('keeps tenants apart, and series by tenant to superadmins', async () => {
    const other = await newTenant(first);
    expect((await request(first, 'GET', '/api/analytics?by=tenant', other.token)).status).toBe(403);
    const foreign = await request(first, 'GET', `/api/analytics?tenant_id=${mine.tenantId}`, other.token);
    expect(foreign.status).toBe(404);
    expect((await get('/api/analytics', other.token)).requests).toBe(0);
    const all = await get('/api/analytics?by=tenant&range=1h', admin);
    expect(all.series.map((s: { key: string }) => s.key)).toContain(mine.tenantId);
    for (const path of ['metrics', 'logs', 'usage', 'status', 'alerts']) {
      const wanted = `/api/tenants/${mine.tenantId}/${path}`;
      expect((await request(first, 'GET', wanted, other.token)).status).toBe(404);
      const unknown = `/api/tenants/tenant_01jz3k5v8hf0vbn2x4q6t8w0ya/${path}`;
      expect((await request(first, 'GET', unknown, other.token)).status).toBe(404);
    }
  });

  it.each(['step=90s', 'step=1h1m', 'range=1s', 'by=city', 'tenant_id=x', 'range=90d&step=1m'])(
    'refuses analytics with %s',
    async (query) => {
      expect((await request(first, 'GET', `/api/analytics?${query}`, admin)).status).toBe(422);
    },
  );

  it('fires for a backend that is down, sends the signed notification, and resolves when it is gone', async () => {
    const socket = await LiveSocket.open(second.api, `/api/ws/alerts?token=${mine.token}`);
    const { backendId } = await route('127.0.0.1:9');
    const alerts = `/api/tenants/${mine.tenantId}/alerts?component=backend`;
    const [alert] = await until('the alert', async () => {
      const found = (await get(alerts, mine.token)).filter(
        (a: { labels: Record<string, string> }) => a.labels.backend_id === backendId,
      );
      return found.length ? found : null;
    });
    expect(alert).toMatchObject({ severity: 'CRITICAL', state: 'firing', component: 'BACKEND' });
    await socket.next('the alert', (f) => JSON.stringify(f.data).includes(alert.id));
    socket.close();
    const acknowledged = await request(first, 'POST', `/api/alerts/${alert.id}/acknowledge`, mine.token);
    expect(acknowledged.body.acknowledged_by).toBe(mine.email);
    expect(await get(`/api/alerts/${alert.id}`, mine.token)).toMatchObject({ acknowledged_by: mine.email });
    const stranger = (await newTenant(first)).token;
    expect((await request(first, 'GET', `/api/alerts/${alert.id}`, stranger)).status).toBe(404);
    const ids = async (query: string) =>
      (await get(`${alerts}&${query}`, mine.token)).map((a: { id: string }) => a.id);
    expect(await ids('acknowledged=true')).toContain(alert.id);
    expect(await ids('acknowledged=false')).not.toContain(alert.id);
    const hook = (kind: string) =>
      receiver.requests.find((r) => r.headers['x-veloflux-event'] === kind && r.body.includes(alert.message));
    const sent = await until('the notification', () => hook('alert.firing'));
    expect(sent.headers['x-veloflux-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
    const gone = await request(first, 'DELETE', `/api/backends/${backendId}`, mine.token);
    expect(gone.status).toBe(204);
    await until('the end', async () =>
      (await get(alerts, mine.token)).some(
        (a: { id: string; state: string }) => a.id === alert.id && a.state === 'resolved',
      ),
    );
    await until('the notification of the end', () => hook('alert.resolved'));
  }, 60_000);

  it('takes Alertmanager’s webhook with its token only, once for each fingerprint, until it is resolved', async () => {
    const name = unique('HighLatency');
    const alert = (status: string) => ({
      status,
      labels: { alertname: name, severity: 'critical', job: 'veloflux' },
      annotations: { summary: 'p99 is above 1 s' },
      startsAt: '2026-06-19T15:30:00.123456789Z',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'http://prometheus/graph',
      fingerprint: unique('fp'),
    });
    const firing = alert('firing');
    const hook = (alerts: object[]) => ({ version: '4', receiver: 'veloflux', status: 'firing', alerts });
    const post = (body: unknown, token: string | null = WEBHOOK_TOKEN) =>
      request(first, 'POST', '/api/alerts/webhook', token, body);
    expect((await post(hook([firing]), null)).status).toBe(401);
    expect((await post(hook([firing]), 'another-token')).status).toBe(401);
    for (const bad of [{}, [], { alerts: {} }, { alerts: [{ status: 'perhaps', labels: {} }] }])
      expect([400, 422]).toContain((await post(bad)).status);
    expect((await post(hook([firing]))).body).toEqual({ status: 'accepted', firing: 1, resolved: 0 });
    await post(hook([firing]));
    const found = async () =>
      (await get('/api/alerts?limit=200', admin)).filter((a: { message: string }) =>
        a.message.includes(name),
      );
    expect(await found()).toMatchObject([
      { severity: 'CRITICAL', component: 'VELOFLUX', occurrences: 2, message: `${name}: p99 is above 1 s` },
    ]);
    await post(hook([{ ...firing, status: 'resolved' }]));
    expect(await found()).toMatchObject([{ state: 'resolved' }]);
  });

  it('tells what became of a test notification', async () => {
    const tested = await request(first, 'POST', '/api/notifications/test', admin, {});
    expect(tested.body).toMatchObject({ success: true, results: [{ channel: 'webhook', delivered: true }] });
    const email = await request(first, 'POST', '/api/notifications/test', admin, { channel: 'email' });
    expect(email.body).toMatchObject({ success: false, results: [{ message: 'SMTP_URL is not set' }] });
  });

  it('reports each node’s machine', async () => {
    for (const node of ['first', 'second'])
      await until(`history of ${node}`, async () => {
        const rows = await get(`/metrics/system?node=${node}&limit=3`, admin);
        return rows.length >= 2 && rows[0].timestamp < rows[1].timestamp;
      });
    expect(await get('/api/system/info', admin)).toMatchObject({ node: 'first' });
    const cached = await fetch(`${first.api}/metrics/system`, {
      headers: { authorization: `Bearer ${admin}` },
    });
    expect(cached.headers.get('cache-control')).toContain('max-age=15');
  });

  it('fires when a node falls silent, and resolves when it is back', async () => {
    const env = { DATABASE_URL: db.url, JWT_SECRET: 'j'.repeat(40), ENCRYPTION_KEY: 'e'.repeat(40) };
    const third = await startServer({ env: { ...env, NODE_NAME: 'third' } });
    await third.kill();
    const about = async () =>
      (await get('/api/alerts?component=NODE', admin)).find((a: { message: string }) =>
        a.message.includes('third'),
      );
    await until('the alert', async () => (await about())?.state === 'firing', 30_000);
    const again = await startServer({ env: { ...env, NODE_NAME: 'third' } });
    await until('the end', async () => (await about())?.state === 'resolved', 30_000);
    await again.stop();
  }, 90_000);
});
