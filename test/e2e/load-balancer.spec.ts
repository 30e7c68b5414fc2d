import type { VeloFluxClient } from '../../client/index.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { call, startUpstream, type TestUpstream } from '../support/dataplane.js';
import { newTenant, startServer, type TestServer, unique } from '../support/server.js';
import { until } from '../support/until.js';

const fast = { interval: '200ms', timeout: '150ms' };
const portOf = (url: string) => Number(new URL(url).port);

describe('the load balancer, over the API', () => {
  let db: TestDatabase;
  let env: Record<string, string>;
  let first: TestServer;
  let second: TestServer;
  let upstreams: TestUpstream[];

  beforeAll(async () => {
    db = await testDatabase();
    env = { DATABASE_URL: db.url, JWT_SECRET: 'j'.repeat(40), ENCRYPTION_KEY: 'e'.repeat(40) };
    first = await startServer({ env: { ...env, NODE_NAME: 'first' } });
    second = await startServer({ env: { ...env, NODE_NAME: 'second' } });
    upstreams = [await startUpstream('u0'), await startUpstream('u1')];
  }, 60_000);
  afterAll(async () => {
    for (const upstream of upstreams) await upstream.close();
    await first.stop();
    await second.stop();
    await db.close();
  }, 60_000);

  /** A tenant with a pool, both upstreams and a route; with `everywhere` both nodes carry it. */
  const site = async (everywhere = false) => {
    const { token } = await newTenant(first, 'professional');
    const client = first.client(token);
    const name = unique('pool');
    const host = `${unique('site')}.example.com`;
    await client.POST('/api/pools', { body: { name, algorithm: 'round_robin', health_check: fast } });
    const ids: string[] = [];
    for (const { port } of upstreams) {
      const { data } = await client.POST('/api/backends', {
        body: { address: `127.0.0.1:${port}`, pool: name },
      });
      ids.push(data!.id);
    }
    const params = everywhere ? { query: { wait: 'applied' as const } } : {};
    const route = await client.POST('/api/routes', { params, body: { host, pool: name } });
    return { token, client, name, host, ids, routeId: route.data!.id };
  };
  const through = (server: TestServer, host: string, path = '/') => call(portOf(server.proxy), host, path);
  const healthy = (client: VeloFluxClient, id: string) =>
    until('a healthy backend', async () => {
      const { data } = await client.GET('/api/backends/{id}', { params: { path: { id } } });
      return data!.status === 'healthy';
    });

  it('carries traffic with a change as soon as the write is answered, and says which version has it', async () => {
    const { client, name, host } = await site();
    expect((await through(first, host)).status).toBe(200);
    const host2 = `${unique('more')}.example.com`;
    const { response } = await client.POST('/api/routes', { body: { host: host2, pool: name } });
    expect(Number(response.headers.get('x-config-version'))).toBeGreaterThan(1);
    expect((await through(first, host2)).status).toBe(200);
  });

  it('has it in effect on every node when ?wait=applied answers', async () => {
    const { client, name } = await site();
    for (let i = 0; i < 5; i++) {
      const host = `${unique('all')}.example.com`;
      const { response } = await client.POST('/api/routes', {
        params: { query: { wait: 'applied' } },
        body: { host, pool: name },
      });
      expect(response.status).toBe(201);
      for (const server of [first, second]) expect((await through(server, host)).status).toBe(200);
    }
    const { error } = await client.POST('/api/pools', {
      params: { query: { wait: 'soon' as 'applied' } },
      body: { name: unique('p'), algorithm: 'random' },
    });
    expect(error).toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'wait' }] });
  });

  it('names the node that does not run the change, and keeps the change and its idempotency key', async () => {
    const { client } = await site();
    const name = unique('pool');
    const create = () =>
      client.POST('/api/pools', {
        params: { query: { wait: 'applied' }, header: { 'Idempotency-Key': name } },
        body: { name, algorithm: 'random' },
      });
    let version: string | null;
    second.process.kill('SIGSTOP');
    try {
      const { response, error } = await create();
      expect(response.status).toBe(503);
      expect(error).toMatchObject({ code: 'CONFIG_NOT_APPLIED', details: [{ field: 'second' }] });
      version = response.headers.get('x-config-version');
      expect(version).not.toBeNull();
    } finally {
      second.process.kill('SIGCONT');
    }
    expect((await client.GET('/api/pools/{name}', { params: { path: { name } } })).data?.name).toBe(name);
    const again = await create();
    expect([again.response.status, again.data?.name]).toEqual([201, name]);
    // the version that it waited for, as the first request did
    expect(again.response.headers.get('x-config-version')).toBe(version);
  });

  it('drains: a backend that is draining gets nothing new', async () => {
    const { client, host, ids } = await site();
    for (const id of ids) await healthy(client, id);
    await client.PUT('/api/backends/{id}', {
      params: { path: { id: ids[0]! } },
      body: { admin_state: 'draining' },
    });
    const bodies = new Set<string>();
    for (let i = 0; i < 20; i++) bodies.add((await through(first, host)).body);
    expect([...bodies]).toEqual(['u1']);
  });

  it('serves no route of a suspended tenant, and serves it again', async () => {
    const { host, client } = await site();
    const { data: me } = await client.GET('/auth/me');
    const tenantId = (me as { tenant_id: string }).tenant_id;
    const { data: signedIn } = await first.client().POST('/api/auth/login', {
      body: { username: 'admin', password: 'admin123' },
    });
    const admin = first.client(signedIn!.token);
    const set = (status: 'active' | 'suspended') =>
      admin.PUT('/api/tenants/{id}', { params: { path: { id: tenantId } }, body: { status } });
    await set('suspended');
    expect((await through(first, host)).status).toBe(404);
    await set('active');
    expect((await through(first, host)).status).toBe(200);
  });

  it('shows the traffic of a pool in the metrics and stores it exactly once', async () => {
    const { host, name, token } = await site();
    const { data: me } = await first.client(token).GET('/auth/me');
    const tenantId = (me as { tenant_id: string }).tenant_id;
    for (let i = 0; i < 25; i++) await through(first, host, '/counted');
    const stored = async () =>
      (
        await db.sql('SELECT sum(requests)::int AS n FROM traffic_minutes WHERE tenant_id = $1', [tenantId])
      )[0]!.n;
    await until('the figures', async () => (await stored()) === 25);
    // what comes with another flush is added to what was stored, which is not stored again
    await through(first, host, '/counted');
    await until('another flush', async () => Number(await stored()) > 25);
    expect(await stored()).toBe(26);
    const text = await (await fetch(`${first.api}/metrics`)).text();
    expect(text).toContain(
      `veloflux_pool_requests_total{tenant="${tenantId}",pool="${name}",status_class="2xx"} 26`,
    );
  });

  it('stores its last figures when it stops', async () => {
    const { host, token } = await site(true);
    const { data: me } = await first.client(token).GET('/auth/me');
    for (let i = 0; i < 7; i++) expect((await through(second, host)).status).toBe(200);
    expect(await second.stop()).toBe(0);
    const [stored] = await db.sql(
      'SELECT sum(requests)::int AS n FROM traffic_minutes WHERE tenant_id = $1',
      [(me as { tenant_id: string }).tenant_id],
    );
    expect(stored).toEqual({ n: 7 });
    second = await startServer({ env: { ...env, NODE_NAME: 'second' } });
  }, 60_000);

  it('reads the whole configuration again after a kill -9 and serves it at once', async () => {
    const { host } = await site();
    await second.kill();
    second = await startServer({ env: { ...env, NODE_NAME: 'second' } });
    expect((await through(second, host)).status).toBe(200);
  }, 60_000);
});
