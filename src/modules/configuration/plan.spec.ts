import { fc } from '../../../test/support/property.js';
import type { BackendRow } from '../backends/index.js';
import type { PoolRow } from '../pools/index.js';
import type { RouteRow } from '../routes/index.js';
import { differences } from './diff.js';
import type { ConfigImport } from './document.dto.js';
import { type CurrentRows, canonical, toDocument } from './document.js';
import { duplicates, planImport } from './plan.js';

const CHECK = {
  enabled: true,
  path: '/health',
  interval: '10s',
  timeout: '3s',
  expected_status: 200,
  rise: 2,
  fall: 3,
};
const at = new Date(0);
const pool = (name: string, over: Partial<PoolRow> = {}): PoolRow => ({
  id: `pool_${name}`,
  tenant_id: 't',
  name,
  algorithm: 'round_robin',
  sticky_sessions: false,
  health_check: CHECK,
  connect_timeout: '5s',
  response_timeout: '30s',
  retries: 2,
  version: 1,
  created_at: at,
  updated_at: at,
  ...over,
});
const backend = (inPool: string, address: string, over: Partial<BackendRow> = {}): BackendRow => ({
  id: `backend_${inPool}_${address}`,
  tenant_id: 't',
  pool_id: `pool_${inPool}`,
  pool: inPool,
  address,
  weight: 100,
  region: null,
  admin_state: 'enabled',
  health_check: null,
  pool_health_check: CHECK,
  version: 1,
  created_at: at,
  updated_at: at,
  ...over,
});
const route = (host: string, toPool: string, over: Partial<RouteRow> = {}): RouteRow => ({
  id: `route_${host}`,
  tenant_id: 't',
  host,
  path_prefix: '/',
  pool_id: `pool_${toPool}`,
  pool: toPool,
  ssl_enabled: false,
  features: {},
  split_pools: {},
  version: 1,
  created_at: at,
  updated_at: at,
  ...over,
});
const rows = (over: Partial<CurrentRows> = {}): CurrentRows => ({
  pools: [],
  backends: [],
  routes: [],
  ...over,
});
const short = (current: CurrentRows, document: ConfigImport, mode: 'replace' | 'merge' = 'replace') =>
  planImport(current, document, mode).map((o) => `${o.action} ${o.kind} ${o.name}`);

const current = rows({
  pools: [pool('api'), pool('web')],
  backends: [backend('web', '192.0.2.1:80'), backend('api', '192.0.2.2:80')],
  routes: [route('a.example.com', 'web')],
});

describe('planImport', () => {
  it('has nothing to do for what is there already', () => {
    expect(planImport(current, toDocument(current), 'replace')).toEqual([]);
  });

  it('leaves absent sections, absent backends and absent fields as they are', () => {
    const document = {
      pools: [
        { name: 'web', algorithm: 'random' as const },
        { name: 'api', algorithm: 'round_robin' as const },
      ],
    };
    expect(planImport(current, document, 'replace')).toMatchObject([
      { action: 'update', kind: 'pool', name: 'web', change: { algorithm: 'random' }, fields: ['algorithm'] },
    ]);
  });

  it('deletes what a section lacks, and nothing when merging', () => {
    const document = {
      routes: [],
      pools: [{ name: 'web', algorithm: 'round_robin' as const, backends: [] }],
    };
    expect(short(current, document)).toEqual([
      'delete route a.example.com/',
      'delete backend 192.0.2.1:80 in web',
      'delete backend 192.0.2.2:80 in api',
      'delete pool api',
    ]);
    expect(short(current, document, 'merge')).toEqual([]);
  });

  it('deletes a pool last while a route that stays still points at it', () => {
    const document = toDocument(rows({ pools: [pool('new')], routes: [route('a.example.com', 'new')] }));
    expect(short(current, document)).toEqual([
      'delete backend 192.0.2.2:80 in api',
      'delete pool api',
      'create pool new',
      'update route a.example.com/',
      'delete backend 192.0.2.1:80 in web',
      'delete pool web',
    ]);
  });

  it('knows an address, a host and a path again in another spelling', () => {
    const document = toDocument(current);
    document.routes[0]!.host = 'A.Example.COM';
    document.pools[1]!.backends![0]!.address = '192.0.2.1:80';
    expect(planImport(current, document, 'replace')).toEqual([]);
  });

  it('takes a backend’s own checks off before it sets others', () => {
    const before = rows({
      pools: [pool('web')],
      backends: [backend('web', '192.0.2.1:80', { health_check: { path: '/a', rise: 3 } })],
    });
    const after = rows({
      pools: [pool('web')],
      backends: [backend('web', '192.0.2.1:80', { health_check: { path: '/a' } })],
    });
    expect(planImport(before, toDocument(after), 'replace')).toMatchObject([
      { action: 'update', kind: 'backend', resetCheck: true, change: { health_check: { path: '/a' } } },
    ]);
  });
});

describe('duplicates', () => {
  it('finds two pools of a name, two backends of an address and two equal routes, each with its path', () => {
    const twice = {
      pools: [
        {
          name: 'a',
          algorithm: 'random' as const,
          backends: [{ address: '192.0.2.1:80' }, { address: '192.0.2.1:80' }],
        },
        { name: 'a', algorithm: 'random' as const },
      ],
      routes: [
        { host: 'x.example.com', pool: 'a' },
        { host: 'X.example.com', path_prefix: '/', pool: 'a' },
      ],
    };
    expect(duplicates(twice).map((e) => e.field)).toEqual(['pools.1', 'pools.0.backends.1', 'routes.1']);
  });
});

describe('a document', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
  const anyRows = fc
    .uniqueArray(name, { maxLength: 5 })
    .chain((names) =>
      fc.record({
        pools: fc.tuple(
          ...names.map((n) =>
            fc
              .constantFrom('random', 'ip_hash', 'round_robin')
              .map((algorithm) => pool(n, { algorithm: algorithm as never })),
          ),
        ),
        backends: fc.tuple(
          ...names.map((n) =>
            fc
              .uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 4 })
              .map((hosts) => hosts.map((h) => backend(n, `192.0.2.${h}:80`, { weight: h }))),
          ),
        ),
        routes: names.length
          ? fc
              .uniqueArray(name, { maxLength: 5 })
              .chain((hosts) =>
                fc.tuple(
                  ...hosts.map((h) => fc.constantFrom(...names).map((n) => route(`${h}.example.com`, n))),
                ),
              )
          : fc.constant([]),
      }),
    )
    .map(({ pools, backends, routes }) => ({ pools, backends: backends.flat(), routes }) as CurrentRows);

  it('does not depend on the order of the rows', () => {
    fc.assert(
      fc.property(anyRows, (r) => {
        const reversed = {
          pools: [...r.pools].reverse(),
          backends: [...r.backends].reverse(),
          routes: [...r.routes].reverse(),
        };
        expect(canonical(toDocument(reversed))).toBe(canonical(toDocument(r)));
      }),
    );
  });

  it('differs from another exactly when there is something to do', () => {
    fc.assert(
      fc.property(anyRows, anyRows, (a, b) => {
        const todo = planImport(a, toDocument(b), 'replace').length;
        expect(differences(toDocument(a), toDocument(b)).length > 0).toBe(todo > 0);
      }),
    );
  });
});
