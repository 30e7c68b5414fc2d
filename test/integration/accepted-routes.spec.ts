import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { AppError } from '../../src/common/errors.js';
import { compileTenant } from '../../src/modules/dataplane/compile.js';
import { describeWithHaproxy } from '../../src/modules/dataplane/contract/haproxy.js';
import { validateSlice } from '../../src/modules/dataplane/embedded/config/validate-slice.js';
import { filesOf, render } from '../../src/modules/dataplane/haproxy/render.js';
import type { Snapshot } from '../../src/modules/dataplane/snapshot.js';
import { normaliseHost, normalisePath } from '../../src/modules/routes/host.js';
import { checkFeatures, toStored } from '../../src/modules/routes/route-features.js';
import { CreateRouteRequest } from '../../src/modules/routes/routes.dto.js';
import { fc } from '../support/property.js';

/**
 * What the API takes both engines must take: a snapshot that an engine refuses holds up the tenant's every later
 * change. JSON bodies come without NUL and without half characters (platform/http/json-body.ts).
 */
const ODD = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      ' ',
      '\t',
      'a\tb',
      ' a',
      'a ',
      'a\nb',
      'a\r\nb',
      '\r',
      "it's",
      '"',
      '\\',
      "'\\''",
      '%[src]',
      '%%',
      '$HOME',
    ],
    ...[
      '#{7*7}',
      '{',
      '}',
      '| grep',
      ';',
      '#',
      '# c',
      'é',
      'ÿ',
      'Ā',
      '\u{1f600}',
      '\u007f',
      '\u0085',
      '\u2028',
      'a,b',
      '*',
    ],
    ...[
      'x'.repeat(128),
      'x'.repeat(129),
      'x'.repeat(4096),
      'é'.repeat(1024),
      'x'.repeat(9000),
      '{ always_true }',
    ],
  ),
  fc.string({ unit: 'binary', maxLength: 20 }).filter((s) => !s.includes('\0') && s.isWellFormed()),
  fc.string({ maxLength: 20 }),
);
const NAME = fc.oneof(
  fc.constantFrom(
    'x-a',
    'X-B',
    "!#$%&'*+-.^_`|~",
    'a.b',
    'a~b',
    'a b',
    'a%b',
    'Cookie',
    'Server',
    'Via',
    'Content-Length',
  ),
  fc.constantFrom('x'.repeat(100), 'x'.repeat(101), 'x'.repeat(128), 'accept-encoding', 'x-forwarded-for'),
  ODD,
);
const PATHS = fc.oneof(
  fc.constantFrom(
    '/',
    '/a',
    '/a/',
    '/a//b',
    '/a/../b',
    '/%2e',
    "/it's",
    '/a;b',
    '/é',
    '/a b',
    '/{x}',
    '/$',
    '/a\\b',
    '/"',
    '//',
  ),
  ODD.map((s) => `/${s}`),
);
const CIDR = fc.oneof(
  fc.constantFrom(
    '10.0.0.0/8',
    '10.1.2.3/8',
    '0.0.0.0/0',
    '192.0.2.1',
    '::/0',
    '::1',
    'fe80::1/64',
    '2001:db8::/129',
  ),
  fc.constantFrom(
    '::ffff:192.0.2.1',
    '::ffff:192.0.2.0/120',
    '1.2.3.4/032',
    '1.2.3.4/08',
    '1.2.3.4/',
    'fe80::1%eth0',
    '01.2.3.4',
  ),
  ODD,
);
const rules = fc.record(
  { set: fc.dictionary(NAME, ODD, { maxKeys: 3 }), remove: fc.array(NAME, { maxLength: 3 }) },
  { requiredKeys: [] },
);
const number = (...some: number[]) => fc.oneof(fc.constantFrom(...some), fc.integer({ min: 0, max: 1000 }));
const FEATURES = {
  match: fc.array(
    fc.record(
      { in: fc.constantFrom('header', 'query'), name: NAME, equals: fc.oneof(ODD, fc.constant('on')) },
      { requiredKeys: ['in', 'name'] },
    ),
    { maxLength: 3 },
  ),
  strip_prefix: fc.boolean(),
  rewrite_prefix: PATHS,
  request_headers: rules,
  response_headers: rules,
  rate_limit: fc.record({
    requests_per_second: fc.constantFrom(0.001, 0.5, 1, 1.5, 33.333, 1_000_000, 0.0001),
    burst: number(1, 1_000_000),
  }),
  ip_allow: fc.array(CIDR, { maxLength: 3 }),
  ip_deny: fc.array(CIDR, { maxLength: 3 }),
  cors: fc.record(
    {
      allow_origins: fc.array(
        fc.oneof(fc.constantFrom('*', 'https://a.test', 'http://a-.test:99999', 'https://-'), ODD),
        {
          minLength: 1,
          maxLength: 2,
        },
      ),
      allow_methods: fc.array(fc.oneof(fc.constantFrom('GET', 'post', '*'), NAME), { maxLength: 2 }),
      allow_headers: fc.array(NAME, { maxLength: 2 }),
      expose_headers: fc.array(NAME, { maxLength: 2 }),
      allow_credentials: fc.boolean(),
      max_age: fc.constantFrom('0s', '1ms', '999ms', '1d', '10m'),
    },
    { requiredKeys: ['allow_origins', 'allow_methods', 'allow_headers', 'allow_credentials', 'max_age'] },
  ),
  redirect: fc.record({
    status: fc.constantFrom(301, 302, 307, 308),
    location: fc.oneof(
      fc.constantFrom(
        '/',
        '/a?b=c#d',
        "https://a.test/it's",
        'https://a.test/%[src]',
        'https://a.test/"',
        '/{}',
        '/#',
      ),
      ODD.map((s) => `https://a.test/${s}`),
    ),
  }),
  response_timeout: fc.constantFrom('10ms', '1h', '999ms'),
  retries: number(0, 10),
  max_body_bytes: number(0, 1, 1_000_000_000_000),
  maintenance: fc.record({
    status: number(200, 503, 599, 204, 304),
    body: fc.oneof(ODD, fc.constantFrom('x'.repeat(16_384), 'é'.repeat(16_384), 'line\nline')),
    content_type: fc.oneof(fc.constantFrom('text/plain; charset=utf-8', 'text/html'), ODD),
  }),
  split: fc.array(fc.record({ pool: fc.constantFrom('a', 'b'), weight: number(0, 100) }), {
    minLength: 1,
    maxLength: 3,
  }),
};
/** A few features at a time: with all of them hardly any request would be accepted. */
const BODY = fc.record(
  {
    host: fc.oneof(
      fc.constantFrom(
        'app.example.com',
        '*.example.com',
        'a',
        'a_b.test',
        '-a.test',
        'A.TEST',
        'xn--bcher-kva.test',
      ),
      fc.constantFrom(
        'bücher.test',
        '1.2.3.4',
        `${'a'.repeat(63)}.test`,
        `${'a'.repeat(64)}.test`,
        '*.*.test',
        'a.test.',
      ),
      ODD,
    ),
    pool: fc.constant('a'),
    path_prefix: PATHS,
    ssl_enabled: fc.boolean(),
    features: fc
      .subarray(Object.keys(FEATURES) as (keyof typeof FEATURES)[], { maxLength: 2 })
      .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, FEATURES[name]])))),
  },
  { requiredKeys: ['host', 'pool', 'features'] },
);

const POOLS = new Map([
  ['a', 'pool_a'],
  ['b', 'pool_b'],
]);
const pool = (id: string) => ({
  id,
  tenant_id: 'tenant_a',
  name: id,
  algorithm: 'round_robin' as const,
  sticky_sessions: false,
  health_check: {
    enabled: false,
    path: '/',
    interval: '10s',
    timeout: '3s',
    expected_status: 200,
    rise: 2,
    fall: 3,
  },
  connect_timeout: '5s',
  response_timeout: '30s',
  retries: 1,
  version: 1,
  created_at: new Date(0),
  updated_at: new Date(0),
});

/** The snapshot with this route, as the services make it; null when the API refuses it. */
async function accepted(body: object): Promise<Snapshot | null> {
  const request = plainToInstance(CreateRouteRequest, structuredClone(body));
  const errors = await validate(request, {
    whitelist: true,
    forbidNonWhitelisted: true,
    stopAtFirstError: true,
  });
  if (errors.length) return null;
  try {
    checkFeatures(request.features ?? {});
  } catch (e) {
    if (e instanceof AppError) return null;
    throw e;
  }
  const route = {
    id: 'route_a',
    tenant_id: 'tenant_a',
    host: normaliseHost(request.host)!,
    path_prefix: normalisePath(request.path_prefix ?? '/')!,
    pool_id: 'pool_a',
    ssl_enabled: request.ssl_enabled ?? false,
    features: JSON.parse(JSON.stringify(toStored(request.features ?? {}, POOLS))),
  };
  const rows = {
    pools: [pool('pool_a'), pool('pool_b')],
    backends: [],
    routes: [route],
    certificates: [],
    challenges: [],
  };
  return { version: 1, tenants: new Map([['tenant_a', compileTenant('tenant_a', rows)]]) };
}

const OPTIONS = {
  host: '127.0.0.1',
  httpPort: 8088,
  httpsPort: null,
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
  cookieKey: 'key',
  hardStopAfterSeconds: 900,
};

describe('a route that the API takes', () => {
  it('is one that the embedded engine takes, and that can be written for HAProxy', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(BODY, async (body) => {
        const snapshot = await accepted(body);
        if (!snapshot) return;
        taken++;
        for (const slice of snapshot.tenants.values()) validateSlice(slice);
        filesOf(render(snapshot, OPTIONS));
      }),
      { numRuns: 6_000, seed: 20_261_123 },
    );
    // it would prove nothing if hardly anything were accepted
    expect(taken).toBeGreaterThan(400);
  }, 60_000);
});

describeWithHaproxy('a route that the API takes, for HAProxy itself', () => {
  it('is one that it takes', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'vf-accepted-'));
    const routes: Snapshot[] = [];
    for (const body of fc.sample(BODY, { numRuns: 1_500, seed: 20_261_123 })) {
      const snapshot = await accepted(body);
      if (snapshot) routes.push(snapshot);
    }
    // one configuration with all of them, each on a host of its own
    const slices = routes.map((snapshot) => snapshot.tenants.get('tenant_a')!);
    const all = {
      tenantId: 'tenant_a',
      pools: slices[0]!.pools,
      routes: slices.map(({ routes: [route] }, i) => ({
        ...route!,
        id: `route_${i}`,
        host: `h${i}.example.com`,
      })),
    };
    try {
      for (const [name, content] of filesOf(
        render({ version: 1, tenants: new Map([['tenant_a', all]]) }, OPTIONS),
      )) {
        const file = path.join(directory, name);
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, content);
      }
      const { stdout, stderr } = await promisify(execFile)('haproxy', ['-c', '-f', directory], {
        cwd: directory,
      });
      expect(stdout + stderr).toContain('Configuration file is valid');
      expect(all.routes.length).toBeGreaterThan(100);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});
