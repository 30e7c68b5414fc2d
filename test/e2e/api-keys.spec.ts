import type { Schema, VeloFluxClient } from '../../client/index.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  unique,
  until,
} from '../support/server.js';

type Request = Schema['CreateApiKeyRequest'];

describe('API keys', () => {
  let db: TestDatabase;
  let server: TestServer;
  /** A second node on the same database, with limits. */
  let limited: TestServer;
  let owner: SignedInTenant;
  let client: VeloFluxClient;
  beforeAll(async () => {
    db = await testDatabase();
    server = await startServer({ env: { DATABASE_URL: db.url } });
    limited = await startServer({
      dataDir: server.dataDir,
      env: {
        DATABASE_URL: db.url,
        NODE_NAME: 'limited',
        RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '5',
        RATE_LIMIT_ANONYMOUS_PER_MINUTE: '1000',
      },
    });
    owner = await newTenant(server, 'enterprise');
    client = server.client(owner.token);
  }, 60_000);
  afterAll(async () => {
    await limited.stop();
    await server.stop();
    await db.close();
  });

  const make = async (request: Partial<Request> = {}, by = client) => {
    const body: Request = { name: unique('key'), role: 'admin', ...request };
    const { data, error, response } = await by.POST('/api/api-keys', { body });
    return { status: response.status, code: error?.code, key: data?.key ?? '', id: data?.id ?? '', data };
  };
  const pools = async (headers: Record<string, string>, at = server) => {
    const response = await fetch(`${at.api}/api/pools`, { headers });
    return { status: response.status, body: await response.text(), headers: response.headers };
  };
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  const status = async (key: string, at = server) => (await pools(bearer(key), at)).status;

  /** A further person of the tenant, signed in. */
  async function colleague(role: 'admin' | 'member') {
    const email = `${unique('colleague')}@example.com`;
    const password = 'Correct-Horse-9-Battery';
    const added = await client.POST('/api/tenants/{tenant_id}/users', {
      params: { path: { tenant_id: owner.tenantId } },
      body: { email, role, name: 'Col League', password },
    });
    const { data } = await server.client().POST('/api/auth/login', { body: { email, password } });
    return { id: added.data!.id, client: server.client(data!.token) };
  }
  const member = (id: string) => ({ params: { path: { tenant_id: owner.tenantId, user_id: id } } });

  it('are shown once and stored as a hash', async () => {
    const { key, id, data } = await make({ name: 'deployment' });
    expect(key).toMatch(/^vf_[\w-]{43}$/);
    expect(data).toMatchObject({
      hint: key.slice(0, 6),
      role: 'admin',
      created_by: owner.email,
      last_used_at: null,
    });
    const shown = [
      await client.GET('/api/api-keys', { params: { query: { limit: 200 } } }),
      await client.GET('/api/api-keys/{id}', { params: { path: { id } } }),
      await client.GET('/api/audit', { params: { query: { object: id } } }),
    ];
    expect(shown.map((s) => s.response.status)).toEqual([200, 200, 200]);
    const rows = await db.sql('SELECT * FROM api_keys WHERE id = $1', [id]);
    const hash = String(rows[0]!.hash);
    for (const text of [JSON.stringify(shown.map((s) => s.data)), JSON.stringify(rows)])
      expect(text).not.toContain(key.slice(6));
    expect(JSON.stringify(shown.map((s) => s.data))).not.toContain(hash);
  });

  it('are accepted as bearer token and as X-API-Key', async () => {
    const { key } = await make();
    expect((await pools(bearer(key))).status).toBe(200);
    expect((await pools({ 'x-api-key': key })).status).toBe(200);
    const wrong = await pools({ 'x-api-key': `vf_${'x'.repeat(43)}` });
    expect([wrong.status, JSON.parse(wrong.body).code]).toEqual([401, 'INVALID_API_KEY']);
    expect((await pools({ ...bearer('nonsense'), 'x-api-key': key })).status).toBe(401);
  });

  it('may what their role and scopes allow, and nothing of a person’s own', async () => {
    const viewer = server.client((await make({ role: 'viewer' })).key);
    const reader = server.client((await make({ role: 'admin', scopes: ['pools.read'] })).key);
    const body = { name: unique('pool'), algorithm: 'round_robin' as const };
    for (const [who, read, write, other] of [
      [viewer, 200, 403, 200],
      [reader, 200, 403, 403],
    ] as const) {
      expect((await who.GET('/api/pools')).response.status).toBe(read);
      expect((await who.POST('/api/pools', { body })).response.status).toBe(write);
      expect((await who.GET('/api/routes')).response.status).toBe(other);
      const { response, error } = await who.GET('/api/profile');
      expect([response.status, error?.message]).toEqual([
        403,
        'An API key has no profile and no session; sign in',
      ]);
      expect((await who.POST('/api/auth/logout')).response.status).toBe(403);
    }
  });

  it('open their own tenant only', async () => {
    const { key } = await make({ role: 'owner' });
    const other = await newTenant(server);
    const params = { path: { id: other.tenantId } };
    expect((await server.client(key).GET('/api/tenants/{id}', { params })).response.status).toBe(404);
    const named = await fetch(`${server.api}/api/tenants/${other.tenantId}`, {
      headers: { ...bearer(key), 'x-tenant-id': other.tenantId },
    });
    expect(named.status).toBe(404);
    const { id } = await make();
    const stranger = server.client(other.token);
    const foreign = { params: { path: { id } } };
    expect((await stranger.GET('/api/api-keys/{id}', foreign)).response.status).toBe(404);
    expect((await stranger.DELETE('/api/api-keys/{id}', foreign)).response.status).toBe(404);
    expect((await stranger.GET('/api/api-keys')).data).toEqual([]);
  });

  it('never have more than who makes them', async () => {
    const admin = await colleague('admin');
    expect(await make({ role: 'owner' }, admin.client)).toMatchObject({ status: 403 });
    expect(await make({ role: 'superadmin' })).toMatchObject({ status: 403 });
    expect((await make({ role: 'viewer', scopes: ['pools.write'] })).status).toBe(422);
    expect((await make({ role: 'admin', scopes: ['profile.write'] as never })).status).toBe(422);
    expect(await make({}, (await colleague('member')).client)).toMatchObject({ status: 403 });
    const narrow = server.client((await make({ scopes: ['apikeys.write', 'pools.read'] })).key);
    expect((await make({ scopes: ['pools.write'] }, narrow)).status).toBe(403);
    expect((await make({}, narrow)).data?.scopes.toSorted()).toEqual(['apikeys.write', 'pools.read']);
  });

  it('make no key that outlives them', async () => {
    const end = new Date(Date.now() + 3_600_000).toISOString();
    const ending = server.client((await make({ expires_at: end })).key);
    expect((await make({}, ending)).status).toBe(403);
    expect((await make({ expires_at: '2099-01-01T00:00:00Z' }, ending)).status).toBe(403);
    expect((await make({ expires_at: end }, ending)).status).toBe(201);
  });

  it('lose what their maker loses, and end when the maker is disabled or removed', async () => {
    const admin = await colleague('admin');
    const { key } = await make({ role: 'admin' }, admin.client);
    const write = () =>
      server.client(key).POST('/api/pools', { body: { name: unique('pool'), algorithm: 'round_robin' } });
    expect((await write()).response.status).toBe(201);
    const set = (body: Schema['UpdateUserRequest']) =>
      client.PUT('/api/tenants/{tenant_id}/users/{user_id}', { ...member(admin.id), body });
    await set({ role: 'viewer' });
    await until('the lesser role', async () => (await write()).response.status === 403, 5000);
    await set({ role: 'admin', disabled: true });
    await until('the key to end', async () => (await status(key)) === 401, 5000);
    await set({ disabled: false });
    await until('the key to live again', async () => (await status(key)) === 200, 5000);
    await client.DELETE('/api/tenants/{tenant_id}/users/{user_id}', member(admin.id));
    await until('the key to be gone', async () => (await status(key)) === 401, 5000);
    expect(await status(key, limited)).toBe(401);
  });

  it('end with their time', async () => {
    expect((await make({ expires_at: '2020-01-01T00:00:00Z' })).status).toBe(422);
    const week = await client.POST('/api/api-keys', {
      body: { name: 'week', role: 'viewer', expires_at: '2027-W05' },
    });
    expect(week.error?.details?.[0]?.field).toBe('expires_at');
    const { key } = await make({ expires_at: new Date(Date.now() + 1500).toISOString() });
    await until('the key to end', async () => (await status(key)) === 401, 6000);
  });

  it('end on every node within 5 s when they are deleted, and while the tenant is suspended', async () => {
    const [deleted, kept] = [await make(), await make()];
    for (const at of [server, limited]) expect(await status(deleted.key, at)).toBe(200);
    const params = { path: { id: deleted.id } };
    expect((await client.DELETE('/api/api-keys/{id}', { params })).response.status).toBe(204);
    for (const at of [server, limited])
      await until('the key to end', async () => (await status(deleted.key, at)) === 401, 5000);
    expect((await client.DELETE('/api/api-keys/{id}', { params })).response.status).toBe(404);

    const admin = server.client(await adminToken(server));
    const suspend = (state: 'active' | 'suspended') =>
      admin.PUT('/api/tenants/{id}', { params: { path: { id: owner.tenantId } }, body: { status: state } });
    await suspend('suspended');
    await until('the key to end', async () => (await status(kept.key)) === 401, 5000);
    await suspend('active');
    await until('the key to live again', async () => (await status(kept.key)) === 200, 5000);
  });

  it('are counted one by one by the rate limit', async () => {
    const [one, another] = [await make(), await make()];
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await pools(bearer(one.key), limited));
    expect(answers.map((a) => a.status)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(Number(answers[5]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await status(another.key, limited)).toBe(200);
  });

  it('are at most 100 a tenant, however many are asked for at once', async () => {
    const crowded = await newTenant(server);
    await db.sql(
      `INSERT INTO api_keys (id, tenant_id, user_id, name, role, scopes, hash, hint)
       SELECT 'apikey_' || $1 || n, $1, $2, 'made before', 'viewer', '{}', $1 || n, 'vf_' FROM generate_series(1, 97) n`,
      [crowded.tenantId, crowded.userId],
    );
    const by = server.client(crowded.token);
    const made = await Promise.all(Array.from({ length: 12 }, () => make({}, by)));
    expect(made.filter((m) => m.status === 201)).toHaveLength(3);
    const refused = made.filter((m) => m.status !== 201).map((m) => `${m.status} ${m.code}`);
    expect(new Set(refused)).toEqual(new Set(['403 LIMIT_REACHED']));
    const [row] = await db.sql('SELECT count(*)::int AS n FROM api_keys WHERE tenant_id = $1', [
      crowded.tenantId,
    ]);
    expect(row).toEqual({ n: 100 });
  });

  it('leave audit rows: of their making, of their end, and of what is done with them', async () => {
    const { key, id } = await make({ name: 'audited' });
    const name = unique('pool');
    await server.client(key).POST('/api/pools', { body: { name, algorithm: 'round_robin' } });
    await client.DELETE('/api/api-keys/{id}', { params: { path: { id } } });
    const own = await client.GET('/api/audit', { params: { query: { object: id } } });
    expect(own.data!.map((e) => [e.action, e.actor, e.object_name])).toEqual([
      ['apikey.deleted', owner.email, 'audited'],
      ['apikey.created', owner.email, 'audited'],
    ]);
    const done = await client.GET('/api/audit', { params: { query: { object: name } } });
    expect(done.data).toMatchObject([
      { action: 'pool.created', actor_id: owner.userId, details: { api_key: id } },
    ]);
  });

  it('remember when they were used last, also when the node stops right after', async () => {
    const node = await startServer({
      dataDir: server.dataDir,
      env: { DATABASE_URL: db.url, NODE_NAME: 'brief' },
    });
    const { key, id } = await make();
    expect(await status(key, node)).toBe(200);
    await node.stop();
    const { data } = await client.GET('/api/api-keys/{id}', { params: { path: { id } } });
    expect(Date.now() - new Date(data!.last_used_at!).getTime()).toBeLessThan(60_000);
  });
});
