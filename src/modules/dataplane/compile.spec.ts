import { type BackendSource, DEFAULT_HEALTH_CHECK } from '../backends/index.js';
import type { PoolRow } from '../pools/index.js';
import type { RouteSource } from '../routes/index.js';
import { compileTenant as compile, type TenantRows } from './compile.js';

const at = new Date(0);
const pool = (id: string, over: Partial<PoolRow> = {}): PoolRow => ({
  id,
  tenant_id: 'tenant_a',
  name: `name of ${id}`,
  algorithm: 'round_robin',
  sticky_sessions: false,
  health_check: { ...DEFAULT_HEALTH_CHECK },
  connect_timeout: '5s',
  response_timeout: '1m',
  retries: 2,
  version: 1,
  created_at: at,
  updated_at: at,
  ...over,
});
const backend = (id: string, pool_id: string, over: Partial<BackendSource> = {}): BackendSource => ({
  id,
  tenant_id: 'tenant_a',
  pool_id,
  address: '192.0.2.1:8080',
  weight: 100,
  region: null,
  admin_state: 'enabled',
  health_check: null,
  weight_factor: 1,
  ...over,
});
const route = (id: string, over: Partial<RouteSource> = {}): RouteSource => ({
  id,
  tenant_id: 'tenant_a',
  host: 'app.example.com',
  path_prefix: '/',
  pool_id: 'pool_a',
  ssl_enabled: false,
  features: {},
  ...over,
});

/** Without TLS unless a test names it. */
const compileTenant = (tenantId: string, rows: Partial<TenantRows>, allowPrivate?: boolean) =>
  compile(
    tenantId,
    { pools: [], backends: [], routes: [], certificates: [], challenges: [], ...rows },
    allowPrivate,
  );

describe('compileTenant', () => {
  it('puts backends into their pools, with durations in milliseconds', () => {
    const slice = compileTenant('tenant_a', {
      pools: [pool('pool_a'), pool('pool_b')],
      backends: [
        backend('backend_1', 'pool_b'),
        backend('backend_2', 'pool_a'),
        backend('backend_3', 'pool_b'),
      ],
      routes: [],
    });
    expect(slice.pools.map((p) => [p.id, p.backends.map((b) => b.id)])).toEqual([
      ['pool_a', ['backend_2']],
      ['pool_b', ['backend_1', 'backend_3']],
    ]);
    expect(slice.pools[0]).toMatchObject({ connectTimeoutMs: 5000, responseTimeoutMs: 60_000, retries: 2 });
  });

  it('applies factors on weights in adaptive pools only, as finely as weights can be', () => {
    const backends = (poolId: string) => [
      backend(`${poolId}_1`, poolId, { weight: 1, weight_factor: 1.6 }),
      backend(`${poolId}_2`, poolId, { weight: 1, weight_factor: 0.4 }),
    ];
    const weightsOf = (algorithm: PoolRow['algorithm'], of = backends('pool_a')) =>
      compileTenant('tenant_a', {
        pools: [pool('pool_a', { algorithm })],
        backends: of,
        routes: [],
      }).pools[0]!.backends.map(({ weight }) => weight);
    expect(weightsOf('adaptive_ai')).toEqual([1000, 250]);
    expect(weightsOf('weighted_round_robin')).toEqual([1, 1]);
    expect(weightsOf('adaptive_ai', [backend('b', 'pool_a', { weight: 7 })])).toEqual([7]);
  });

  it('takes addresses apart, IPv6 without its brackets', () => {
    const addresses = ['web.example.com:80', '192.0.2.1:8080', '[2001:db8::1]:443'];
    const { pools } = compileTenant('tenant_a', {
      pools: [pool('pool_a')],
      backends: addresses.map((address, i) => backend(`backend_${i}`, 'pool_a', { address })),
      routes: [],
    });
    expect(pools[0]!.backends.map(({ host, port }) => [host, port])).toEqual([
      ['web.example.com', 80],
      ['192.0.2.1', 8080],
      ['2001:db8::1', 443],
    ]);
  });

  it('lets a backend override parts of its pool’s health check, and keeps the timeout within the interval', () => {
    const checks = [null, { path: '/up', expected_status: 204 }, { interval: '500ms' }];
    const { pools } = compileTenant('tenant_a', {
      pools: [pool('pool_a')],
      backends: checks.map((health_check, i) => backend(`backend_${i}`, 'pool_a', { health_check })),
      routes: [],
    });
    const base = {
      enabled: true,
      path: '/health',
      intervalMs: 10_000,
      timeoutMs: 3000,
      expectedStatus: 200,
      rise: 2,
      fall: 3,
    };
    expect(pools[0]!.backends.map((b) => b.healthCheck)).toEqual([
      base,
      { ...base, path: '/up', expectedStatus: 204 },
      { ...base, intervalMs: 500, timeoutMs: 500 },
    ]);
  });

  it('sends a plain route to its pool and a split one to its targets', () => {
    const split = [
      { pool_id: 'pool_a', weight: 90 },
      { pool_id: 'pool_b', weight: 10 },
    ];
    const { routes } = compileTenant('tenant_a', {
      pools: [pool('pool_a'), pool('pool_b')],
      backends: [],
      routes: [route('route_1'), route('route_2', { host: 'b.example.com', features: { split } })],
    });
    expect(routes.map((r) => r.targets)).toEqual([
      [{ poolId: 'pool_a', weight: 100 }],
      [
        { poolId: 'pool_a', weight: 90 },
        { poolId: 'pool_b', weight: 10 },
      ],
    ]);
    expect(routes.map((r) => r.features)).toEqual([{}, {}]);
  });

  it('turns every feature into what an engine reads, and leaves out what is off', () => {
    const [compiled] = compileTenant('tenant_a', {
      pools: [pool('pool_a')],
      backends: [],
      routes: [
        route('route_1', {
          features: {
            match: [{ in: 'header', name: 'x-beta', equals: 'on' }],
            rewrite_prefix: '/v2',
            request_headers: { set: { 'X-A': '1' }, remove: ['X-B'] },
            rate_limit: { requests_per_second: 5, burst: 10 },
            ip_allow: ['203.0.113.7', '2001:db8::1', '198.51.100.0/24'],
            cors: {
              allow_origins: ['*'],
              allow_methods: ['GET'],
              allow_headers: [],
              allow_credentials: false,
              max_age: '10m',
            },
            redirect: { status: 308, location: '/new' },
            response_timeout: '2s',
            retries: 0,
            max_body_bytes: 0,
            maintenance: { status: 503, body: 'later', content_type: 'text/plain' },
          },
        }),
      ],
    }).routes;
    expect(compiled!.features).toEqual({
      match: [{ in: 'header', name: 'x-beta', equals: 'on' }],
      rewritePrefix: '/v2',
      requestHeaders: { set: { 'X-A': '1' }, remove: ['X-B'] },
      rateLimit: { requestsPerSecond: 5, burst: 10 },
      ipAllow: ['203.0.113.7/32', '2001:db8::1/128', '198.51.100.0/24'],
      cors: {
        allowOrigins: ['*'],
        allowMethods: ['GET'],
        allowHeaders: [],
        allowCredentials: false,
        maxAgeSeconds: 600,
      },
      redirect: { status: 308, location: '/new' },
      responseTimeoutMs: 2000,
      retries: 0,
      maxBodyBytes: 0,
      maintenance: { status: 503, body: 'later', contentType: 'text/plain' },
    });
  });

  it('refuses a stored address that is none', () => {
    const rows = {
      pools: [pool('pool_a')],
      backends: [backend('backend_1', 'pool_a', { address: 'x' })],
      routes: [],
    };
    expect(() => compileTenant('tenant_a', rows)).toThrow(/backend_1/);
  });

  describe('certificates', () => {
    const certificate = (id: string, hosts: string[]) => ({
      id,
      tenant_id: 'tenant_a',
      hosts,
      chain: `chain of ${id}`,
      private_key: `key of ${id}`,
    });

    it('are served for hosts of routes only, and the newest that holds a name has it', () => {
      const { certificates } = compileTenant('tenant_a', {
        pools: [pool('pool_a')],
        routes: [route('route_1', { host: 'a.test' }), route('route_2', { host: '*.w.test' })],
        certificates: [
          certificate('cert_3', ['a.test', 'other.test']),
          certificate('cert_2', ['a.test', '*.w.test']),
          certificate('cert_1', ['a.test']),
        ],
      });
      expect(certificates).toEqual([
        { id: 'cert_3', hosts: ['a.test'], chain: 'chain of cert_3', privateKey: 'key of cert_3' },
        { id: 'cert_2', hosts: ['*.w.test'], chain: 'chain of cert_2', privateKey: 'key of cert_2' },
      ]);
    });

    it('challenges are answered for hosts of routes only', () => {
      const challenge = (host: string) => ({
        tenant_id: 'tenant_a',
        host,
        token: 't',
        key_authorization: 't.k',
      });
      const { challenges } = compileTenant('tenant_a', {
        pools: [pool('pool_a')],
        routes: [route('route_1', { host: '*.a.test' })],
        challenges: [challenge('x.a.test'), challenge('b.test')],
      });
      expect(challenges).toEqual([{ host: 'x.a.test', token: 't', keyAuthorization: 't.k' }]);
    });
  });
});
