import { request as httpRequest } from 'node:http';
import type { Schema, VeloFluxClient } from '../../client/index.js';
import { newId } from '../../src/common/ids.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { LiveSocket, Refused } from '../support/live.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  unique,
  until,
} from '../support/server.js';

let db: TestDatabase;
let server: TestServer;
let owner: SignedInTenant;
let client: VeloFluxClient;
let operator: string;
beforeAll(async () => {
  db = await testDatabase();
  server = await startServer({
    env: { DATABASE_URL: db.url, ALERT_WEBHOOK_TOKEN: 'a-secret-of-the-environment' },
  });
  [owner, operator] = [await newTenant(server, 'enterprise'), await adminToken(server)];
  client = server.client(owner.token);
}, 60_000);
afterAll(async () => {
  await server.stop();
  await db.close();
});

const authorized = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** Somebody else of the owner's tenant, signed in. */
async function colleague(role: 'admin' | 'member') {
  const email = `${unique('colleague')}@example.com`;
  const password = 'Correct-Horse-9-Battery';
  const added = await client.POST('/api/tenants/{tenant_id}/users', {
    params: { path: { tenant_id: owner.tenantId } },
    body: { email, role, name: 'Col League', password },
  });
  const { data } = await server.client().POST('/api/auth/login', { body: { email, password } });
  return { id: added.data!.id, email, client: server.client(data!.token) };
}

async function newPool(by = client): Promise<{ id: string; name: string }> {
  const body = { name: unique('pool'), algorithm: 'round_robin' as const };
  return (await by.POST('/api/pools', { body })).data!;
}

describe('the audit log', () => {
  const search = async (query: Record<string, unknown>, by = client) => {
    const { data, response } = await by.GET('/api/audit', { params: { query } });
    return { status: response.status, entries: data ?? [], headers: response.headers };
  };

  it('is searched by who, what, to what and when, alone and together', async () => {
    const admin = await colleague('admin');
    const before = new Date().toISOString();
    const [mine, theirs] = [await newPool(), await newPool(admin.client)];
    const after = new Date(Date.now() + 1).toISOString();
    const objects = async (query: Record<string, unknown>) =>
      (await search(query)).entries.map((e) => e.object_id);
    expect(await objects({ object: mine.id })).toEqual([mine.id]);
    expect(await objects({ object: mine.name })).toEqual([mine.id]);
    expect(await objects({ actor: admin.email, action: 'pool.created' })).toEqual([theirs.id]);
    expect(await objects({ actor: admin.id, object: 'pool' })).toEqual([theirs.id]);
    expect(await objects({ action: 'pool.created', from: before, to: after })).toEqual([theirs.id, mine.id]);
    expect(await objects({ action: 'pool.created', to: before, object: mine.id })).toEqual([]);
    expect(await objects({ action: 'pool.created', from: after, object: mine.id })).toEqual([]);
    expect(await objects({ action: 'pool.deleted', object: mine.id })).toEqual([]);
    const [entry] = (await search({ object: mine.id })).entries;
    expect(entry).toMatchObject({
      tenant_id: owner.tenantId,
      actor: owner.email,
      actor_id: owner.userId,
      address: '127.0.0.1',
      action: 'pool.created',
      level: 'info',
      object_type: 'pool',
      object_name: mine.name,
      message: expect.stringContaining(mine.name),
      request_id: expect.any(String),
    });
  });

  it('comes in pages, the newest first', async () => {
    for (let i = 0; i < 5; i++) await newPool();
    const query = { action: 'pool.created', limit: 2 };
    const all = (await search({ ...query, limit: 200 })).entries.map((e) => e.id);
    const paged: string[] = [];
    for (let page = 1; paged.length < all.length; page++) {
      const { entries, headers } = await search({ ...query, page });
      expect(headers.get('x-total-count')).toBe(String(all.length));
      expect(headers.get('link')?.includes('rel="next"') ?? false).toBe(page * 2 < all.length);
      paged.push(...entries.map((e) => e.id));
    }
    expect(paged).toEqual(all);
    const times = (await search(query)).entries.map((e) => e.timestamp);
    expect(times).toEqual([...times].sort().reverse());
  });

  it('is shown to administrators of the tenant, and to nobody else', async () => {
    const { id } = await newPool();
    expect((await search({}, (await colleague('admin')).client)).status).toBe(200);
    expect((await search({}, (await colleague('member')).client)).status).toBe(403);
    expect((await search({}, server.client())).status).toBe(401);
    const stranger = await newTenant(server);
    const theirs = (await search({ limit: 200 }, server.client(stranger.token))).entries;
    expect(theirs.every((e) => e.tenant_id === stranger.tenantId)).toBe(true);
    expect((await search({ object: id }, server.client(stranger.token))).entries).toEqual([]);
    const seen = (await search({ object: id }, server.client(operator))).entries;
    expect(seen.map((e) => e.tenant_id)).toEqual([owner.tenantId]);
  });

  it.each([{ from: 'yesterday' }, { to: '2026-13-01' }, { limit: 201 }, { page: 0 }, { nonsense: 'x' }])(
    'refuses the query %j',
    async (query) => {
      expect((await search(query)).status).toBe(422);
    },
  );

  describe('exported', () => {
    const ENTRIES = 1203;
    let tenant: SignedInTenant;
    beforeAll(async () => {
      tenant = await newTenant(server);
      // many within one microsecond: the place to go on at must not skip or repeat any
      const ids = Array.from({ length: ENTRIES }, () => newId('audit'));
      await db.sql(
        `INSERT INTO audit_log (id, tenant_id, at, actor_name, action, level, message, details)
         SELECT id, $2, '2026-01-01T00:00:00.123456Z'::timestamptz + (n / 400) * interval '1 microsecond', 'importer',
                'entry.imported', 'info', 'Entry ' || n, '{}' FROM unnest($1::text[]) WITH ORDINALITY AS given (id, n)`,
        [ids, tenant.tenantId],
      );
      await db.sql(
        `INSERT INTO audit_log (id, tenant_id, at, actor_name, action, level, message, object_name, details)
         VALUES ($1, $2, '2026-01-02Z', '=HYPERLINK("https://evil.example.com")', 'entry.odd', 'info', $3, '-1+1', '{}')`,
        [newId('audit'), tenant.tenantId, 'a "quoted", comma\nand a line'],
      );
    });
    const exported = async (query: string, token = tenant.token) => {
      const response = await fetch(`${server.api}/api/audit/export?${query}`, authorized(token));
      return { status: response.status, headers: response.headers, text: await response.text() };
    };

    it('as JSON lines is whole, the oldest first', async () => {
      const { headers, text } = await exported('action=entry.imported&format=ndjson');
      expect(headers.get('content-type')).toContain('application/x-ndjson');
      expect(headers.get('content-disposition')).toBe('attachment; filename="audit.ndjson"');
      const entries = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: string; tenant_id: string });
      expect(new Set(entries.map((e) => e.id)).size).toBe(ENTRIES);
      expect(entries).toHaveLength(ENTRIES);
      expect(entries.every((e) => e.tenant_id === tenant.tenantId)).toBe(true);
      const all = (await exported('')).text.trim().split('\n');
      const times = all.map((line) => JSON.parse(line).timestamp as string);
      expect(times).toEqual([...times].sort());
      expect(all.length).toBeGreaterThan(ENTRIES + 1);
    });

    it('as CSV is quoted, and no cell is a formula', async () => {
      const { headers, text } = await exported('action=entry.odd&format=csv');
      expect(headers.get('content-type')).toContain('text/csv');
      const [head, ...rest] = text.split('\r\n');
      expect(head).toMatch(/^timestamp,tenant_id,actor,/);
      const row = rest.join('\r\n');
      expect(row).toContain('"a ""quoted"", comma\nand a line"');
      expect(row).toContain(`"'=HYPERLINK(""https://evil.example.com"")"`);
      expect(row).toContain(`,'-1+1,`);
      expect((await exported('action=entry.imported&format=csv')).text.trim().split('\r\n')).toHaveLength(
        ENTRIES + 1,
      );
    });

    it('shows nothing of another tenant', async () => {
      const { text } = await exported('', owner.token);
      expect(text).not.toContain('entry.imported');
      expect(text).not.toContain(tenant.tenantId);
    });

    it('needs a known format and the right to read it', async () => {
      expect((await exported('format=xml')).status).toBe(422);
      expect((await fetch(`${server.api}/api/audit/export`)).status).toBe(401);
    });
  });
});

describe('the admin listener', () => {
  /** A request whose path is sent as it is. */
  const status = (base: string, path: string, token?: string) =>
    new Promise<number>((ok, no) => {
      const { hostname, port } = new URL(base);
      const headers = token ? authorized(token).headers : {};
      const sent = httpRequest({ hostname, port, path, headers }, (response) => {
        response.resume();
        ok(response.statusCode!);
      });
      sent.once('error', no).end();
    });

  it.each([
    '/admin',
    '/admin/',
    '/admin/health',
    '/admin/metrics',
    '/admin/config',
    '/%61dmin/config',
    '/admin%2Fconfig',
    '//admin/config',
    '/./admin/config',
    '/admin?x',
    '/ADMIN/config',
  ])('the public port does not answer %s', async (path) => {
    expect(await status(server.api, path, operator)).toBe(404);
  });

  it.each([
    '/',
    '/health',
    '/metrics',
    '/api/pools',
    '/api/admin/stats',
    '/api/auth/me',
    '/%61pi/pools',
    '/docs',
    '/admin/../api/pools',
    '/admin/nothing',
  ])('its own port does not answer %s', async (path) => {
    expect(await status(server.admin, path, operator)).toBe(404);
  });

  it('opens no WebSocket on its port', async () => {
    for (const path of ['/api/ws/status', `/api/ws/health?token=${operator}`])
      await expect(LiveSocket.open(server.admin, path)).rejects.toBeInstanceOf(Refused);
    const socket = await LiveSocket.open(server.api, '/api/ws/status');
    socket.close();
  });

  it('answers superadmins only, but for its health', async () => {
    expect(await status(server.admin, '/admin/health')).toBe(200);
    for (const path of ['/admin/metrics', '/admin/config']) {
      expect(await status(server.admin, path)).toBe(401);
      expect(await status(server.admin, path, owner.token)).toBe(403);
      expect(await status(server.admin, path, operator)).toBe(200);
    }
    for (const [method, path] of [
      ['POST', '/admin/reload'],
      ['PUT', '/admin/config'],
    ] as const) {
      const call = (token?: string) =>
        fetch(server.admin + path, {
          method,
          headers: { 'content-type': 'application/json', ...(token && authorized(token).headers) },
          body: '{}',
        });
      expect((await call()).status).toBe(401);
      expect((await call(owner.token)).status).toBe(403);
    }
  });

  const config = async (body?: object) => {
    const response = await fetch(`${server.admin}/admin/config`, {
      headers: { 'content-type': 'application/json', ...authorized(operator).headers },
      ...(body && { method: 'PUT', body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Schema['AdminConfigResponse'] };
  };

  it('shows what the process was started with, without secrets', async () => {
    const { body } = await config();
    expect(body.environment).toMatchObject({ ALERT_WEBHOOK_TOKEN: '********', PORT: '0' });
    expect(JSON.stringify(body)).not.toContain('a-secret-of-the-environment');
    expect(body.environment.DATABASE_URL).not.toContain(new URL(db.url).password || 'no password');
  });

  it('changes runtime settings on every node, writes that down, and refuses what it does not know', async () => {
    const other = await startServer({
      dataDir: server.dataDir,
      env: { DATABASE_URL: db.url, NODE_NAME: 'other' },
    });
    const timeout = async (at: TestServer) =>
      (await at.client(operator).GET('/api/settings')).data?.session_timeout;
    const wanted = (await timeout(server)) === 45 ? 50 : 45;
    const changed = await config({ session_timeout: wanted });
    expect([changed.status, changed.body.settings.session_timeout]).toEqual([200, wanted]);
    for (const at of [server, other])
      await until('the new setting', async () => (await timeout(at)) === wanted, 5000);
    const { data } = await server.client().POST('/api/auth/login', {
      body: { email: owner.email, password: owner.password },
    });
    expect(data!.expires_in).toBe(wanted * 60);
    const audit = await server.client(operator).GET('/api/audit', {
      params: { query: { actor: 'admin@cluster-ai.local', limit: 1 } },
    });
    expect(audit.data).toMatchObject([
      { tenant_id: null, message: expect.stringContaining('session_timeout') },
    ]);
    for (const body of [
      { nonsense: true },
      { session_timeout: 0 },
      { session_timeout: '45' },
      { session_timeout: null },
    ])
      expect((await config(body)).status).toBe(422);
    expect(await timeout(server)).toBe(wanted);
    await other.stop();
  });

  it('reloads the whole configuration', async () => {
    const response = await fetch(`${server.admin}/admin/reload`, { method: 'POST', ...authorized(operator) });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'reloaded' });
  });
});

describe('operators', () => {
  it('see how much there is, of all tenants', async () => {
    const stats = async () => (await server.client(operator).GET('/api/admin/stats')).data!;
    const before = await stats();
    await newTenant(server);
    await newPool();
    const after = await stats();
    expect([after.tenants, after.users, after.pools]).toEqual([
      before.tenants + 1,
      before.users + 1,
      before.pools + 1,
    ]);
    const [counted] = await db.sql(`SELECT count(*)::int AS tenants FROM tenants`);
    expect(after.tenants).toBe(counted!.tenants);
  });

  it('find and add people; nobody of a tenant does', async () => {
    const admin = server.client(operator);
    const email = `${unique('ops')}@example.com`;
    const body = { email, role: 'superadmin' as const, password: 'Correct-Horse-9-Battery' };
    const made = await admin.POST('/api/admin/users', { body });
    expect(made.data).toMatchObject({ email, role: 'superadmin' });
    expect((await admin.POST('/api/admin/users', { body })).response.status).toBe(409);
    const found = await admin.GET('/api/admin/users', { params: { query: { search: email.toUpperCase() } } });
    expect(found.data!.map((u) => u.id)).toEqual([made.data!.id]);
    expect(JSON.stringify(found.data)).not.toMatch(/password|argon2/);
    const other = {
      email: `${unique('ops')}@example.com`,
      role: 'superadmin' as const,
      password: 'long-enough-1',
    };
    expect((await client.POST('/api/admin/users', { body: other })).response.status).toBe(403);
    expect((await client.GET('/api/admin/users')).response.status).toBe(403);
    expect((await client.GET('/api/admin/stats')).response.status).toBe(403);
  });
});
