import { AppError } from '../../src/common/errors.js';
import { compileTenant } from '../../src/modules/dataplane/compile.js';
import type { TenantSlice } from '../../src/modules/dataplane/snapshot.js';
import { normaliseHost, normalisePath } from '../../src/modules/routes/host.js';
import { checkFeatures, toStored } from '../../src/modules/routes/route-features.js';
import { CreateRouteRequest } from '../../src/modules/routes/routes.dto.js';
import { parseBody } from '../../src/platform/http/validation.js';
import { fc } from './property.js';

const WHITE = ['', ' ', '\t', 'a\tb', ' a', 'a ', 'a\nb', 'a\r\nb', 'a\r\nX: y', '\r', '\0'];
const QUOTING = [
  "it's",
  '"',
  "'",
  '\\',
  "'\\''",
  '%[src]',
  '%%',
  '$HOME',
  '#{7*7}',
  '{',
  '}',
  '{ always_true }',
];
const SIGNS = ['if', 'unless', '||', '| grep', ';', '#', '# c', 'a,b', '*', 'text/html'];
const WIDE = ['é', 'ÿ', 'Ā', '☃', '\u{1f600}', '\u007f', '\u0085', '\u2028'];
const LONG = [
  'x'.repeat(128),
  'x'.repeat(129),
  'x'.repeat(300),
  'x'.repeat(4096),
  'é'.repeat(1024),
  'x'.repeat(9000),
];
const text = fc.oneof(
  fc.constantFrom(...WHITE, ...QUOTING, ...SIGNS, ...WIDE, ...LONG),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ maxLength: 20 }),
);
/** One of these, or any text. */
const orText = (...some: string[]) => fc.oneof(fc.constantFrom(...some), text);
const NAMES = [
  'x-a',
  'X-B',
  "!#$%&'*+-.^_`|~",
  'a.b',
  'a~b',
  'a b',
  'a%b',
  'a*b',
  "a'b",
  'a|b',
  'q.x',
  'if',
  'Cookie',
];
const MORE_NAMES = ['Set-Cookie', 'Server', 'Via', 'Content-Length', 'accept-encoding', 'x-forwarded-for'];
/** What proxies keep to themselves. */
const OWN_NAMES = [
  'Expect',
  'Connection',
  'Upgrade',
  'HTTP2-Settings',
  'Host',
  'TE',
  'Trailer',
  'Keep-Alive',
];
const name = orText(
  ...NAMES,
  ...MORE_NAMES,
  ...OWN_NAMES,
  ...[100, 101, 120, 128].map((length) => 'x'.repeat(length)),
);
const names = fc.array(name, { maxLength: 3 });
const PATHS = [
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
];
const path = fc.oneof(
  fc.constantFrom(...PATHS, '/"', '//', '/%', '/%zz', "/'"),
  fc.stringMatching(/^(\/[!-~é ]{0,6}){1,3}$/),
  text.map((some) => `/${some}`),
  text,
);
const number = fc.oneof(
  fc.constantFrom(
    0,
    0.0001,
    0.001,
    0.5,
    1,
    1.5,
    33.333,
    204,
    304,
    503,
    1_000_000,
    1_000_000_000_000,
    1e-7,
    1e21,
  ),
  fc.integer({ min: 0, max: 1000 }),
  fc.integer(),
  fc.double(),
);
const duration = fc.constantFrom('0s', '1ms', '10ms', '250ms', '999ms', '10m', '1h', '1d', '999d', '');
const V4 = [
  '10.0.0.0/8',
  '10.1.2.3/8',
  '0.0.0.0/0',
  '192.0.2.1',
  '1.2.3.4/032',
  '1.2.3.4/08',
  '1.2.3.4/',
  '01.2.3.4',
];
const V6 = [
  '::/0',
  '::1',
  'fe80::1/64',
  '2001:db8::/129',
  '::ffff:192.0.2.1',
  '::ffff:192.0.2.0/120',
  'fe80::1%eth0',
];
const blocks = fc.array(orText(...V4, ...V6, '1.2.3/8'), { maxLength: 3 });
const headers = fc.record(
  { set: fc.dictionary(name, text, { maxKeys: 3 }), remove: names },
  { requiredKeys: [] },
);
const condition = fc.record(
  { in: fc.constantFrom('header', 'query'), name, equals: orText('on') },
  { requiredKeys: ['in', 'name'] },
);
const ORIGINS = ['*', 'https://a.test', 'http://a.test:99999', 'http://a-.test:99999', 'https://-'];
const cors = fc.record(
  {
    allow_origins: fc.array(orText(...ORIGINS), { minLength: 1, maxLength: 3 }),
    allow_methods: fc.array(fc.oneof(fc.constantFrom('GET', 'post', '*'), name), { maxLength: 3 }),
    allow_headers: names,
    expose_headers: names,
    allow_credentials: fc.boolean(),
    max_age: duration,
  },
  { requiredKeys: ['allow_origins', 'allow_methods', 'allow_headers', 'allow_credentials', 'max_age'] },
);
const LOCATIONS = [
  '/',
  '/x',
  '//x',
  '/a?b=c#d',
  "https://a.test/it's",
  'https://a.test/%[src]',
  'https://a.test/"',
];
const redirect = fc.record({
  status: fc.constantFrom(301, 302, 303, 307, 308),
  location: fc.oneof(
    fc.constantFrom(...LOCATIONS, 'https://[', "/'", '/{}', '/#'),
    text.map((some) => `https://a.test/${some}`),
    text,
  ),
});
const maintenance = fc.record({
  status: fc.oneof(fc.constantFrom(200, 204, 205, 304, 503, 599), fc.integer({ min: 200, max: 599 }), number),
  body: orText('x'.repeat(15_000), 'é'.repeat(7500), 'é'.repeat(15_000), 'line\nline'),
  content_type: orText('text/html', 'text/plain; charset=utf-8', 'a/b; charset="x y"', 'a/b;', 'a/é'),
});

/** Values of every feature: well-formed ones, ones on the borders, and what no one should send. */
export const FEATURES: Record<string, fc.Arbitrary<unknown>> = {
  match: fc.array(condition, { maxLength: 3 }),
  strip_prefix: fc.boolean(),
  rewrite_prefix: path,
  request_headers: headers,
  response_headers: headers,
  rate_limit: fc.record({ requests_per_second: number, burst: number }),
  ip_allow: blocks,
  ip_deny: blocks,
  cors,
  redirect,
  response_timeout: duration,
  retries: fc.oneof(fc.integer({ min: 0, max: 10 }), number),
  max_body_bytes: number,
  maintenance,
  split: fc.array(
    fc.record({
      pool: fc.constantFrom('a', 'b'),
      weight: fc.oneof(fc.constantFrom(1, 99, 100, 101), fc.integer({ min: 0, max: 1000 })),
    }),
    { minLength: 1, maxLength: 3 },
  ),
};

const HOSTS = [
  'app.example.com',
  '*.example.com',
  'a',
  'a_b.test',
  '-a.test',
  'A.TEST',
  'xn--bcher-kva.test',
];
const ODD_HOSTS = [
  'bücher.test',
  '1.2.3.4',
  '*.*.test',
  'a.test.',
  ...[63, 64].map((n) => `${'a'.repeat(n)}.test`),
];
const host = fc.oneof(
  fc.constantFrom(...HOSTS, ...ODD_HOSTS),
  fc.stringMatching(/^(\*\.)?[a-zA-Z0-9_-]{1,5}(\.[a-zA-Z0-9_-]{1,5}){0,3}\.?$/),
  text,
);

const whole = { host: fc.constant('a.test'), pool: fc.constant('a') };

/** Requests for routes that are odd in one respect, by that respect. */
export const ODD_REQUESTS: Record<string, fc.Arbitrary<object>> = {
  host: fc.record({ ...whole, host }),
  path_prefix: fc.record({ ...whole, path_prefix: path }),
  ...Object.fromEntries(
    Object.entries(FEATURES).map(([feature, value]) => [
      feature,
      fc.record({ ...whole, features: fc.record({ [feature]: value }) }),
    ]),
  ),
  /** A few features at a time: with all of them hardly any request would be accepted. */
  'several respects': fc.record(
    {
      host,
      pool: fc.constant('a'),
      path_prefix: path,
      ssl_enabled: fc.boolean(),
      features: fc
        .subarray(Object.keys(FEATURES), { maxLength: 2 })
        .chain((some) => fc.record(Object.fromEntries(some.map((feature) => [feature, FEATURES[feature]!])))),
    },
    { requiredKeys: ['host', 'pool', 'features'] },
  ),
};

const POOLS = new Map([
  ['a', 'pool_a'],
  ['b', 'pool_b'],
]);
const POOL = {
  tenant_id: 'tenant_a',
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
};

/** What an engine is given of a tenant with this route, as the services make it; null when the API refuses it. */
export async function accepted(request: object): Promise<TenantSlice | null> {
  let body: CreateRouteRequest;
  try {
    body = await parseBody(CreateRouteRequest, structuredClone(request));
    checkFeatures(body.features ?? {});
  } catch (e) {
    if (e instanceof AppError) return null;
    throw e;
  }
  return compileTenant('tenant_a', {
    pools: [...POOLS].map(([name, id]) => ({ ...POOL, id, name })),
    backends: [],
    routes: [
      {
        id: 'route_a',
        tenant_id: 'tenant_a',
        host: normaliseHost(body.host)!,
        path_prefix: normalisePath(body.path_prefix ?? '/')!,
        pool_id: 'pool_a',
        ssl_enabled: body.ssl_enabled ?? false,
        // as it comes back from the database
        features: JSON.parse(JSON.stringify(toStored(body.features ?? {}, POOLS))),
      },
    ],
    certificates: [],
    challenges: [],
  });
}
