import { parse } from 'yaml';
import { type Caller, caller } from '../support/api.js';
import { configDocuments } from '../support/config-documents.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { fc } from '../support/property.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
} from '../support/server.js';

const LONG = process.env.VELOFLUX_LONG === '1';
const FORMAT = 'veloflux-config/1';

interface Document {
  format: string;
  pools: { name: string; algorithm: string; backends?: { address: string; weight?: number }[] }[];
  routes: { host: string; pool: string; path_prefix?: string }[];
}
interface Version {
  version: number;
  created_at: string;
  actor: string;
  summary: string;
}
interface Imported {
  status: string;
  changes: { created: number; updated: number; deleted: number };
  plan: { action: string; kind: string; name: string; fields: string[] }[];
  version: number | null;
}

const pool = (name: string, ...addresses: string[]) => ({
  name,
  algorithm: 'round_robin',
  health_check: { enabled: false },
  backends: addresses.map((address) => ({ address, weight: 10 })),
});

describe('a configuration', () => {
  let database: TestDatabase;
  let server: TestServer;
  let owner: SignedInTenant;
  let call: Caller;
  beforeAll(async () => {
    database = await testDatabase();
    server = await startServer({ env: { DATABASE_URL: database.url } });
  }, 90_000);
  afterAll(async () => {
    await server.stop();
    await database.close();
  }, 60_000);
  beforeEach(async () => {
    ({ owner, call } = await tenant());
  });

  const tenant = async () => {
    const owner = await newTenant(server, 'enterprise');
    return { owner, call: caller(server.api, owner.token) };
  };
  const exported = async (as = call) => (await as('GET', '/api/config/export')).text;
  const versions = async (as = call) => (await as<Version[]>('GET', '/api/config/versions?limit=200')).body;
  const put = async (document: object | string, query = '', as = call) => {
    const answer = await as<Imported>('POST', `/api/config/import${query}`, document);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    return answer.body;
  };
  /** Two pools, one of them with a route, as one version. */
  const site = (domain: string) => ({
    format: FORMAT,
    pools: [pool('api', '192.0.2.1:80', '192.0.2.2:80'), pool('web', '192.0.2.3:80')],
    routes: [{ host: `www.${domain}`, pool: 'web' }],
  });
  let domains = 0;
  const domain = () => `d${++domains}.example.org`;

  it('is shown with what it belongs to, and the installation’s to superadmins only', async () => {
    const { version } = await put(site(domain()));
    const { body } = await call<Record<string, Record<string, unknown>>>('GET', '/api/config');
    expect(body.global).toMatchObject({
      tenant_id: owner.tenantId,
      plan: 'enterprise',
      config_version: version,
    });
    expect(Object.keys(body.pools!)).toEqual(['api', 'web']);
    expect(body.routes).toHaveLength(1);
    expect((await call('GET', '/api/config?scope=installation')).status).toBe(403);
    const admin = caller(server.api, await adminToken(server));
    const whole = await admin<{ tenants: { tenant_id: string; pools: unknown[] }[] }>(
      'GET',
      '/api/config?scope=installation',
    );
    expect(whole.body.tenants.find((t) => t.tenant_id === owner.tenantId)?.pools).toHaveLength(2);
  });

  describe('that is wrong', () => {
    const paths = async (document: object) => {
      const { body } = await call<{ status: string; errors: { path: string }[] }>(
        'POST',
        '/api/config/validate',
        document,
      );
      return { status: body.status, paths: body.errors.map((e) => e.path).sort() };
    };

    it('is told every wrong field with its path, and nothing is applied', async () => {
      await put(site(domain()));
      const before = [await exported(), await versions()];
      const document = {
        format: FORMAT,
        pools: [
          { ...pool('api', '192.0.2.1:80'), retries: 99 },
          { ...pool('-bad', 'no port'), colour: 'red' },
          { name: 'x', algorithm: 'best', health_check: { interval: '1s', rise: 0 } },
        ],
        routes: [{ host: 'not a host', pool: 'api', features: { retries: -1, split: [] } }],
      };
      expect(await paths(document)).toEqual({
        status: 'invalid',
        paths: [
          'pools.0.retries',
          'pools.1.backends.0.address',
          'pools.1.colour',
          'pools.1.name',
          'pools.2.algorithm',
          'pools.2.health_check.rise',
          'routes.0.features.retries',
          'routes.0.features.split',
          'routes.0.host',
        ],
      });
      expect((await call('POST', '/api/config/import', document)).status).toBe(422);
      expect([await exported(), await versions()]).toEqual(before);
    });

    it('is told every name that leads nowhere, is there twice or is another tenant’s', async () => {
      const taken = domain();
      await put(site(taken), '', (await tenant()).call);
      const document = {
        format: FORMAT,
        pools: [pool('api', '192.0.2.1:80', '169.254.169.254:80')],
        routes: [
          { host: `a.${taken}`, pool: 'nowhere' },
          { host: `www.${taken}`, pool: 'api' },
          { host: `b.${taken}`, pool: 'api', features: { split: [{ pool: 'gone', weight: 1 }] } },
        ],
      };
      const { paths: found } = await paths(document);
      expect(found).toEqual([
        'pools.0.backends.1.address',
        'routes.0.pool',
        'routes.1',
        'routes.2.features.split.0.pool',
      ]);
      const twice = { format: FORMAT, pools: [pool('a', '192.0.2.1:80', '192.0.2.1:80'), pool('a')] };
      expect((await paths(twice)).paths).toEqual(['pools.0.backends.1', 'pools.1']);
      expect(JSON.parse(await exported()).pools).toEqual([]);
    });

    it('and no document at all is refused as such', async () => {
      for (const body of ['[]', '"text"', 'null', '{']) {
        const { status } = await call('POST', '/api/config/import', body);
        expect([body, status]).toEqual([body, 400]);
      }
      expect((await call('POST', '/api/config/import', { format: FORMAT })).status).toBe(422);
      expect((await call('POST', '/api/config/import', { format: 'other/1', pools: [] })).status).toBe(422);
    });

    it('in one place changes nothing in any other', async () => {
      const document = site(domain());
      await put(document);
      const before = await exported();
      const wrong = {
        ...document,
        pools: [pool('new', '192.0.2.9:80'), ...document.pools.slice(0, 1)],
        routes: [{ host: `www.${domain()}`, pool: 'web' }],
      };
      const answer = await call<{ details: { field: string }[] }>('POST', '/api/config/import', wrong);
      expect(answer.status).toBe(422);
      expect(answer.body.details.map((d) => d.field)).toEqual(['routes.0.pool']);
      expect(await exported()).toBe(before);
      expect(await versions()).toHaveLength(1);
    });
  });

  it('is exported as JSON and YAML that say the same, without ids and secrets', async () => {
    await put(site(domain()));
    const yaml = await call('GET', '/api/config/export?format=yaml');
    expect(yaml.headers.get('content-type')).toContain('yaml');
    const text = await exported();
    expect(parse(yaml.text)).toEqual(JSON.parse(text));
    const again = await call<Imported>('POST', '/api/config/import', yaml.text, {
      'content-type': 'application/yaml',
    });
    expect(again.body).toMatchObject({
      status: 'imported',
      version: null,
      changes: { created: 0, deleted: 0 },
    });
    for (const said of [text, yaml.text])
      expect(said).not.toMatch(/tenant_|pool_|backend_|route_|secret|key/i);
  });

  it('imported in part leaves the rest, and says what it would do before it does', async () => {
    const at = domain();
    await put(site(at));
    const part = {
      format: FORMAT,
      pools: [{ ...pool('api', '192.0.2.2:80', '192.0.2.4:80'), algorithm: 'random' }, pool('new')],
    };
    const planned = await put(part, '?mode=merge&dry_run=true');
    expect(planned).toMatchObject({ status: 'planned', version: null, changes: { created: 2, updated: 1 } });
    expect(await versions()).toHaveLength(1);
    const done = await put(part, '?mode=merge');
    expect(done).toMatchObject({ status: 'imported', changes: planned.changes, plan: planned.plan });
    const { pools, routes } = JSON.parse(await exported()) as Document;
    expect(pools.map((p) => p.name)).toEqual(['api', 'new', 'web']);
    expect(pools[0]!.backends!.map((b) => b.address)).toEqual([
      '192.0.2.1:80',
      '192.0.2.2:80',
      '192.0.2.4:80',
    ]);
    expect(routes).toHaveLength(1);
    // replacing, a section that is there is all of it; the route keeps its pool from going
    const whole = { format: FORMAT, pools: [pool('web', '192.0.2.3:80')] };
    expect((await put(whole)).changes).toMatchObject({ created: 0, deleted: 5 });
    const after = JSON.parse(await exported()) as Document;
    expect([after.pools.length, after.routes.length]).toEqual([1, 1]);
  });

  it('imported twice changes nothing the second time', async () => {
    const document = site(domain());
    await put(document);
    const [before, text] = [await versions(), await exported()];
    for (const again of [document, JSON.parse(text) as object]) {
      expect(await put(again)).toEqual({
        status: 'imported',
        changes: { created: 0, updated: 0, deleted: 0 },
        plan: [],
        version: null,
      });
    }
    expect([await versions(), await exported()]).toEqual([before, text]);
  });

  it('comes out of any export as it went in: here again, and in another tenant', async () => {
    const other = (await tenant()).call;
    const empty = { format: FORMAT, pools: [], routes: [] };
    await fc.assert(
      fc.asyncProperty(configDocuments(domain()), async (document) => {
        await put(document);
        const text = await exported();
        expect((await put(text)).version).toBeNull();
        expect(await exported()).toBe(text);
        await put(empty); // a host belongs to one tenant at a time
        await put(text, '', other);
        expect(await exported(other)).toBe(text);
        await put(empty, '', other);
      }),
      { numRuns: LONG ? 200 : 12 },
    );
  }, 1_800_000);

  it('is kept at every version as it was, whatever changed it', async () => {
    const at = domain();
    const seen = new Map<number, string>();
    const note = async () => {
      const [newest] = await versions();
      seen.set(newest!.version, await exported());
    };
    await put(site(at));
    await note();
    const [backend] = (await call<{ id: string }[]>('GET', '/api/backends')).body;
    const [route] = (await call<{ id: string }[]>('GET', '/api/routes')).body;
    const steps: [string, string, object?][] = [
      ['PUT', `/api/backends/${backend!.id}`, { weight: 77 }],
      ['PUT', '/api/pools/api', { name: 'renamed', algorithm: 'random' }],
      ['PUT', `/api/backends/${backend!.id}`, { pool: 'web' }],
      ['PUT', `/api/routes/${route!.id}`, { features: { split: [{ pool: 'renamed', weight: 3 }] } }],
      ['PUT', '/api/pools/renamed', { name: 'again' }],
      ['DELETE', `/api/backends/${backend!.id}`],
      ['POST', '/api/bulk/pools', { items: [pool('bulk-1'), pool('bulk-2')].map(({ backends, ...p }) => p) }],
      ['DELETE', `/api/routes/${route!.id}`],
      ['DELETE', '/api/pools/bulk-1'],
    ];
    for (const [method, path, body] of steps) {
      const answer = await call(method, path, body);
      expect([path, answer.status < 300 ? 'done' : answer.text]).toEqual([path, 'done']);
      await note();
    }
    expect(seen.size).toBe(steps.length + 1);
    for (const [version, text] of seen) {
      const { body } = await call<{ document: object }>('GET', `/api/config/versions/${version}`);
      expect(`${JSON.stringify(body.document, null, 2)}\n`).toBe(text);
    }
    for (const version of [...seen.keys()].reverse()) {
      await call('POST', `/api/config/versions/${version}/restore`);
      expect(await exported()).toBe(seen.get(version));
    }
  });

  it('is a version each change: who, when, what, and the difference between any two', async () => {
    const { version } = await put(site(domain()));
    const [backend] = (await call<{ id: string; address: string }[]>('GET', '/api/backends')).body;
    await call('PUT', `/api/backends/${backend!.id}`, { weight: 55 });
    const list = await call<Version[]>('GET', '/api/config/versions?limit=1');
    expect(list.headers.get('x-total-count')).toBe('2');
    const [newest] = list.body;
    expect(newest).toMatchObject({ actor: owner.email, summary: expect.stringContaining(backend!.address) });
    expect(Math.abs(Date.parse(newest!.created_at) - Date.now())).toBeLessThan(60_000);
    const diff = (a: number, b: number) =>
      call<{ changes: object[] }>('GET', `/api/config/versions/${a}/diff?against=${b}`);
    const path = `/pools/api/backends/${backend!.address}/weight`;
    expect((await diff(newest!.version, version!)).body.changes).toEqual([
      { op: 'replace', path, from: 10, to: 55 },
    ]);
    expect((await diff(version!, newest!.version)).body.changes).toEqual([
      { op: 'replace', path, from: 55, to: 10 },
    ]);
    const restored = await call<Imported>('POST', `/api/config/versions/${version}/restore`);
    expect(restored.body).toMatchObject({ status: 'restored', changes: { updated: 1 } });
    expect(await versions()).toHaveLength(3);
    expect((await versions())[0]!.summary).toContain(`restored to version ${version}`);
    expect((await diff(restored.body.version!, version!)).body.changes).toEqual([]);
    expect((await call('GET', '/api/config/versions/999999999')).status).toBe(404);
    const { call: stranger } = await tenant();
    expect((await stranger('GET', `/api/config/versions/${version}`)).status).toBe(404);
  });

  it('costs its history only what changed of it', async () => {
    await put({
      format: FORMAT,
      pools: Array.from({ length: 40 }, (_, i) => pool(`p${i}`, `192.0.2.${i}:80`)),
    });
    const count = async () =>
      (
        await database.sql('SELECT count(*)::int AS n FROM config_entries WHERE tenant_id = $1', [
          owner.tenantId,
        ])
      )[0]!.n;
    expect(await count()).toBe(80);
    const [backend] = (await call<{ id: string }[]>('GET', '/api/backends')).body;
    for (let weight = 20; weight < 25; weight++)
      await call('PUT', `/api/backends/${backend!.id}`, { weight });
    expect(await count()).toBe(85);
  });

  it('is read again by every node on reload, with version and hash of what runs', async () => {
    await put(site(domain()));
    const admin = caller(server.api, await adminToken(server));
    const reload = async () =>
      (await admin<{ status: string; version: number; hash: string }>('POST', '/api/reload')).body;
    const first = await reload();
    expect(first).toMatchObject({ status: 'reloaded', hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await reload()).toMatchObject({ hash: first.hash });
    await put({ format: FORMAT, routes: [] });
    expect((await reload()).hash).not.toBe(first.hash);
    expect((await call('POST', '/api/reload')).status).toBe(403);
  });

  it('is made in bulk with a result an item, and all or nothing on request', async () => {
    interface Bulk {
      created: number;
      failed: number;
      results: { index: number; status: number; error?: { code: string } }[];
    }
    const bulk = (kind: string, items: object[], query = '') =>
      call<Bulk & { details: { field: string }[] }>('POST', `/api/bulk/${kind}${query}`, { items });
    const at = domain();
    const statuses = async (kind: string, items: object[]) => {
      const { status, body } = await bulk(kind, items);
      return [status, body.created, body.failed, body.results.map((r) => r.status)];
    };
    const [a, b] = ['a', 'b'].map((name) => ({ name, algorithm: 'random' }));
    expect(await statuses('pools', [a!, { name: '-' }, a!, b!])).toEqual([200, 2, 2, [201, 422, 409, 201]]);
    const upstream = { address: '192.0.2.1:80', pool: 'a' };
    expect(await statuses('backends', [upstream, { ...upstream, pool: 'none' }, upstream])).toEqual([
      200,
      1,
      2,
      [201, 422, 409],
    ]);
    const route = { host: `x.${at}`, pool: 'a' };
    expect(await statuses('routes', [route, route, { host: `y.${at}`, pool: 'none' }])).toEqual([
      200,
      1,
      2,
      [201, 409, 422],
    ]);
    const before = [await exported(), (await versions()).length];
    expect(before[1]).toBe(3);
    for (const [kind, good, bad] of [
      ['pools', { name: 'c', algorithm: 'random' }, a!],
      ['backends', { address: '192.0.2.2:80', pool: 'a' }, { address: '192.0.2.2:80', pool: 'none' }],
      ['routes', { host: `z.${at}`, pool: 'a' }, route],
    ] as const) {
      const { status, body } = await bulk(kind, [good, bad], '?atomic=true');
      expect([kind, status, body.details.every((d) => d.field.startsWith('items.1'))]).toEqual([
        kind,
        422,
        true,
      ]);
    }
    expect([await exported(), (await versions()).length]).toEqual(before);
    expect((await bulk('pools', [])).status).toBe(422);
    const surprised = await call<{ details: { field: string }[] }>('POST', '/api/bulk/pools', {
      items: [{ name: 'd', algorithm: 'random' }],
      atomc: true,
    });
    expect([surprised.status, surprised.body.details.map(({ field }) => field)]).toEqual([422, ['atomc']]);
    expect([await exported(), (await versions()).length]).toEqual(before);
    // a host that an item claimed and did not get must be free for others
    const { call: stranger } = await tenant();
    await put(site(at.replace('d', 'e')), '', stranger);
    const claimed = await stranger('POST', '/api/routes', { host: `z.${at}`, pool: 'web' });
    expect(claimed.status).toBe(201);
  });
});
