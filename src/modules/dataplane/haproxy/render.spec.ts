import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CertificateAuthority } from '../../../../test/support/certificates.js';
import { describeWithHaproxy } from '../contract/haproxy.js';
import { backendOf, poolOf, QUICK_CHECK, routeOf, sliceOf, snapshotOf } from '../contract/support.js';
import { SnapshotRefused } from '../engine.js';
import { type RouteFeatures, type Snapshot } from '../snapshot.js';
import { filesOf, render } from './render.js';
import type { RenderOptions } from './render-base.js';
import { PoolRenderer } from './render-pools.js';
import { renderTenant } from './render-tenant.js';

const OPTIONS: RenderOptions = {
  host: '127.0.0.1',
  httpPort: 8088,
  httpsPort: 8443,
  publicHttpsPort: 443,
  defaultCertificate: null,
  statsSocket: '/run/veloflux/stats.1.sock',
  logAddress: '127.0.0.1:5514',
  logKey: 'key',
  user: null,
  stateFile: '/run/veloflux/server-state',
  maxConnections: 4000,
  openFilesLimit: 20_000,
  threads: null,
  cookieKey: 'golden',
  hardStopAfterSeconds: 900,
};

const golden = join(__dirname, '__golden__');

/** All of the configuration in the order in which HAProxy reads it. */
function configurationFor(snapshot: Snapshot, options: Partial<RenderOptions> = {}): string {
  const files = [...filesFor(snapshot, options)].filter(([name]) => name.endsWith('.cfg'));
  return files.map(([, text]) => text).join('');
}

function filesFor(snapshot: Snapshot, options: Partial<RenderOptions> = {}): Map<string, string> {
  return filesOf(render(snapshot, { ...OPTIONS, ...options }));
}

/** The files as one text. `UPDATE_GOLDEN=1` writes it; otherwise it must equal what is stored. */
function expectGolden(name: string, files: ReadonlyMap<string, string>): void {
  const written = [...files].filter(([, content]) => content !== '');
  const text = written.map(([file, content]) => `==> ${file}\n${content}`).join('\n');
  const path = join(golden, `${name}.txt`);
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(golden, { recursive: true });
    writeFileSync(path, text);
  }
  expect(text).toBe(readFileSync(path, 'utf8'));
}

const basic = snapshotOf(
  7,
  sliceOf(
    [
      poolOf([backendOf(9001, { weight: 3 }), backendOf(9002, { weight: 1 })], {
        algorithm: 'weighted_round_robin',
      }),
      poolOf([], { id: 'pool_empty' }),
    ],
    [
      routeOf(),
      routeOf({ id: 'route_v1', pathPrefix: '/v1/' }),
      routeOf({ id: 'route_wild', host: '*.a.test' }),
      routeOf({ id: 'route_empty', host: 'empty.test', targets: [{ poolId: 'pool_empty', weight: 100 }] }),
    ],
  ),
);

const pools = snapshotOf(
  8,
  sliceOf(
    [
      poolOf([backendOf(9001), backendOf(9002, { weight: 900 })]),
      poolOf(
        [
          backendOf(9003, { healthCheck: QUICK_CHECK, adminState: 'draining' }),
          backendOf(9004, { healthCheck: { ...QUICK_CHECK, path: '/up?1', rise: 3 } }),
          backendOf(9005, { healthCheck: { ...QUICK_CHECK, expectedStatus: 204 }, adminState: 'disabled' }),
        ],
        { id: 'pool_b', algorithm: 'least_connections', stickySessions: true, retries: 0 },
      ),
      poolOf([backendOf(9006, { host: '::1', weight: 1000 }), backendOf(9007, { adminState: 'draining' })], {
        id: 'pool_c',
        algorithm: 'ip_hash',
      }),
      poolOf([backendOf(9008, { weight: 1000 }), backendOf(9009, { weight: 1 })], {
        id: 'pool_d',
        algorithm: 'random',
      }),
      poolOf([backendOf(9010)], { id: 'pool_e', algorithm: 'adaptive_ai' }),
      poolOf([backendOf(9011)], { id: 'pool_f', algorithm: 'least_response_time' }),
    ],
    [
      routeOf({
        targets: [
          { poolId: 'pool_a', weight: 90 },
          { poolId: 'pool_b', weight: 0 },
          { poolId: 'pool_c', weight: 10 },
          { poolId: 'pool_d', weight: 20 },
        ],
      }),
    ],
  ),
);

const everyFeature: RouteFeatures = {
  match: [
    { in: 'header', name: 'X-Beta' },
    { in: 'query', name: 'v', equals: '2' },
  ],
  rewritePrefix: '/internal/',
  requestHeaders: { set: { 'X-Env': 'beta' }, remove: ['X-Debug'] },
  responseHeaders: { set: { 'Cache-Control': 'no-store' }, remove: ['Server'] },
  rateLimit: { requestsPerSecond: 10, burst: 20 },
  ipAllow: ['10.0.0.0/8', '::1'],
  ipDeny: ['10.9.0.0/16'],
  cors: {
    allowOrigins: ['https://app.test'],
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['authorization'],
    exposeHeaders: ['x-total-count'],
    allowCredentials: true,
    maxAgeSeconds: 600,
  },
  responseTimeoutMs: 750,
  retries: 1,
  maxBodyBytes: 1000,
};

const features = snapshotOf(
  9,
  sliceOf(
    [poolOf([backendOf(9001, { healthCheck: QUICK_CHECK })]), poolOf([], { id: 'pool_empty' })],
    [
      routeOf(),
      routeOf({ id: 'route_full', pathPrefix: '/api', sslEnabled: true }, everyFeature),
      routeOf(
        { id: 'route_gone', pathPrefix: '/old' },
        { redirect: { status: 308, location: 'https://new.test/?a=b' } },
      ),
      routeOf(
        { id: 'route_down', pathPrefix: '/down', targets: [{ poolId: 'pool_empty', weight: 100 }] },
        {
          maintenance: { status: 503, body: '<h1>Back soon</h1>\n', contentType: 'text/html; charset=utf-8' },
        },
      ),
      routeOf({ id: 'route_strip', pathPrefix: '/strip' }, { stripPrefix: true }),
    ],
  ),
);

describe('rendering', () => {
  it.each([
    ['basic', basic],
    ['pools', pools],
    ['features', features],
  ])('%s is rendered as stored', (name, snapshot) => {
    expectGolden(name, filesFor(snapshot));
  });

  it.each([
    ['127.0.0.1', ['127.0.0.1:8088', '127.0.0.1:8443 ssl']],
    ['::1', ['[::1]:8088', '[::1]:8443 ssl']],
    // On one socket for both families IPv4 addresses would be written as IPv6 ones.
    ['::', ['0.0.0.0:8088', '[::]:8088 v6only', '0.0.0.0:8443 ssl', '[::]:8443 v6only ssl']],
  ])('listens on %s', (host, doors) => {
    const found = [...configurationFor(basic, { host }).matchAll(/^ {2}bind (.*?)(?: crt-list.*)?$/gm)];
    expect(found.map(([, door]) => door)).toEqual(doors);
  });

  it('certificates become a list that the TLS door reads', async () => {
    const { chain, privateKey } = await (await CertificateAuthority.create()).issue(['a.test']);
    const pair = { chain, privateKey };
    const [slice] = [...basic.tenants.values()];
    const certificates = [{ id: 'cert_a', hosts: ['a.test', '*.a.test'], ...pair }];
    const snapshot = snapshotOf(8, { ...slice!, certificates });
    const files = filesFor(snapshot);
    const [, file] = /^(certificates\/[0-9a-f]{32}\.pem) a\.test \*\.a\.test\n$/.exec(
      files.get('certificates.list')!,
    )!;
    expect(files.get(file!)).toBe(pair.chain + pair.privateKey);
    expect(files.get('00-frontend.cfg')).toContain('ssl crt-list certificates.list strict-sni');
    const withDefault = filesFor(snapshot, { defaultCertificate: pair });
    expect(withDefault.get('certificates.list')).toBe(
      `certificates/default.pem !*\n${files.get('certificates.list')}`,
    );
    expect(withDefault.get('certificates/default.pem')).toBe(pair.chain + pair.privateKey);
    expect(withDefault.get('00-frontend.cfg')).not.toContain('strict-sni');
    expect([...filesFor(snapshot, { httpsPort: null }).keys()].join()).not.toContain('certificates');
  });

  it('without a TLS door there is neither its socket nor a redirect to it', () => {
    const config = configurationFor(features, { httpsPort: null });
    expect(config).not.toMatch(/ ssl crt-list|redirect prefix/);
  });

  it.each<[string, Snapshot]>([
    ['a host with a newline', snapshotOf(1, sliceOf([poolOf([])], [routeOf({ host: 'a.test\n  bind :1' })]))],
    ['a host with a space', snapshotOf(1, sliceOf([poolOf([])], [routeOf({ host: 'a.test b' })]))],
    ['a path with a newline', snapshotOf(1, sliceOf([poolOf([])], [routeOf({ pathPrefix: '/a\n/b x' })]))],
    ['an id with a dot', snapshotOf(1, sliceOf([poolOf([])], [routeOf({ id: 'be.none' })]))],
    ['a pool that is not there', snapshotOf(1, sliceOf([], [routeOf()]))],
    [
      'a header value with a line break',
      snapshotOf(1, withFeature({ requestHeaders: { set: { a: 'x\r\nb: y' } } })),
    ],
    ['a header name with a space', snapshotOf(1, withFeature({ requestHeaders: { set: { 'a b': 'x' } } }))],
    [
      'a rule for Content-Length',
      snapshotOf(1, withFeature({ requestHeaders: { set: { 'content-length': '1' } } })),
    ],
    [
      'a rule against Transfer-Encoding',
      snapshotOf(1, withFeature({ responseHeaders: { remove: ['Transfer-Encoding'] } })),
    ],
    [
      'a maintenance page that its buffer cannot hold',
      snapshotOf(
        1,
        withFeature({ maintenance: { status: 503, body: 'é'.repeat(7501), contentType: 'text/plain' } }),
      ),
    ],
    ['a block that is none', snapshotOf(1, withFeature({ ipAllow: ['10.0.0.0/8\n0.0.0.0/0'] }))],
    ['a block that is too long', snapshotOf(1, withFeature({ ipDeny: ['10.0.0.0/33'] }))],
    ['a query name with a quote', snapshotOf(1, withFeature({ match: [{ in: 'query', name: "a'b" }] }))],
    ['a port that is none', snapshotOf(1, sliceOf([poolOf([backendOf(70_000)])], []))],
    [
      'two tenants with one host',
      snapshotOf(
        1,
        sliceOf([poolOf([])], [routeOf()], 'tenant_a'),
        sliceOf(
          [poolOf([], { id: 'pool_b' })],
          [routeOf({ id: 'route_b', targets: [{ poolId: 'pool_b', weight: 100 }] })],
          'tenant_b',
        ),
      ),
    ],
    ['one backend twice in a pool', snapshotOf(1, sliceOf([poolOf([backendOf(9001), backendOf(9001)])], []))],
  ])('%s is refused', (_what, snapshot) => {
    expect(() => filesFor(snapshot)).toThrow(SnapshotRefused);
  });

  it('weights beyond 256 keep their proportion', () => {
    const config = configurationFor(pools);
    const [, heavy] = /server backend_9008 \S+ weight (\d+)/.exec(config)!;
    const [, light] = /server backend_9009 \S+ weight (\d+)/.exec(config)!;
    expect([heavy, light]).toEqual(['256', '1']);
  });
});

function withFeature(feature: RouteFeatures) {
  return sliceOf([poolOf([backendOf(9001)])], [routeOf({}, feature)]);
}

describeWithHaproxy('haproxy -c accepts what is rendered', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vf-render-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function check(snapshot: Snapshot): Promise<string> {
    for (const [name, content] of filesFor(snapshot)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
    const { stdout, stderr } = await promisify(execFile)('haproxy', ['-c', '-f', directory]);
    return stdout + stderr;
  }

  it.each([
    ['nothing', snapshotOf(0)],
    ['basic', basic],
    ['pools', pools],
    ['features', features],
  ])('%s', async (_name, snapshot) => {
    const output = await check(snapshot);
    expect(output).toContain('Configuration file is valid');
    expect(output.replace(/.*(?:no SSL certificate specified|server state file).*\n/g, '')).not.toMatch(
      /\[WARNING/,
    );
  });
});

describe('a change of one pool or route', () => {
  const overrides = { address: ({ host }: { host: string }) => host, weight: () => undefined };
  const backend = (port: number) => backendOf(port, { healthCheck: QUICK_CHECK });
  const other = poolOf([backend(9001), backend(9002)], { id: 'pool_other' });
  const mine = poolOf([backend(9003)], { id: 'pool_mine', retries: 1 });
  const to = (poolId: string) => [{ poolId, weight: 100 }];
  const route = routeOf({ targets: to('pool_mine') });
  const beside = routeOf({ id: 'route_beside', host: 'beside.test', targets: to('pool_other') });
  const before = sliceOf([other, mine], [route, beside]);

  const changes: [string, typeof before][] = [
    ['another pool', { ...before, routes: [{ ...route, targets: to('pool_other') }, beside] }],
    ['rules for a route', { ...before, routes: [{ ...route, features: { stripPrefix: true } }, beside] }],
    ['other retries', { ...before, routes: [{ ...route, features: { retries: 3 } }, beside] }],
    [
      'one more backend',
      { ...before, pools: [other, { ...mine, backends: [backend(9003), backend(9004)] }] },
    ],
    ['a route that goes', { ...before, routes: [beside] }],
    ['a pool that goes', { ...before, pools: [other], routes: [beside] }],
  ];

  it.each(changes)('%s: renders what a fresh start renders, and the other pool not again', (_what, after) => {
    const kept = new PoolRenderer('key', overrides);
    const first = renderTenant(before, kept);
    for (const slice of [after, before, after]) {
      const next = renderTenant(slice, kept);
      expect(next).toEqual(renderTenant(slice, new PoolRenderer('key', overrides)));
      expect(next.sections.get('pool_other')).toBe(first.sections.get('pool_other'));
    }
  });
});
