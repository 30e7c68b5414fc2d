import { isWithoutContent } from '../../src/common/http-statuses.js';
import { ADMIN_STATES, ALGORITHMS } from '../../src/common/load-balancing.js';
import { fc } from './property.js';

const optional = { requiredKeys: [] };
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/);
const duration = (unit: 's' | 'ms', min: number, max: number) =>
  fc.integer({ min, max }).map((n) => `${n}${unit}`);
const printable = fc
  .string({ unit: 'binary', maxLength: 24 })
  .filter((s) => !/\p{C}|[\u2028\u2029]/u.test(s));

const healthCheck = fc.record(
  {
    enabled: fc.constant(false),
    path: fc.stringMatching(/^\/[a-z0-9?=&%~]{0,12}$/),
    interval: duration('s', 5, 60),
    timeout: duration('ms', 10, 4000),
    expected_status: fc.integer({ min: 100, max: 599 }),
    rise: fc.integer({ min: 1, max: 100 }),
    fall: fc.integer({ min: 1, max: 100 }),
  },
  optional,
);

const address = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 65_535 }))
    .map(([n, port]) => `192.0.2.${n}:${port}`),
  fc
    .tuple(fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/), fc.integer({ min: 1, max: 65_535 }))
    .map(([host, port]) => `${host}.example.net:${port}`),
  fc.integer({ min: 1, max: 65_535 }).map((port) => `[2001:db8::7]:${port}`),
);

const backend = fc.record(
  {
    address,
    weight: fc.integer({ min: 1, max: 1000 }),
    region: fc.option(fc.constantFrom('eu-west-1', 'Übersee', 'a "b" \\ c')),
    admin_state: fc.constantFrom(...ADMIN_STATES),
    health_check: fc.option(healthCheck),
  },
  { requiredKeys: ['address'] },
);

const pool = fc.record(
  {
    name,
    algorithm: fc.constantFrom(...ALGORITHMS),
    sticky_sessions: fc.boolean(),
    health_check: healthCheck,
    connect_timeout: duration('ms', 10, 60_000),
    response_timeout: duration('s', 1, 3600),
    retries: fc.integer({ min: 0, max: 10 }),
    backends: fc.uniqueArray(backend, { maxLength: 4, selector: (b) => b.address }),
  },
  { requiredKeys: ['name', 'algorithm', 'backends'] },
);

const headers = fc.record(
  {
    set: fc.dictionary(
      fc.stringMatching(/^X-[A-Za-z]{1,8}$/),
      fc.stringMatching(/^[\x21-\x7e][\x20-\x7e]{0,8}[\x21-\x7e]$/),
      {
        maxKeys: 3,
      },
    ),
    remove: fc.uniqueArray(fc.constantFrom('Server', 'X-Powered-By', 'Via'), { maxLength: 2 }),
  },
  optional,
);

const features = (pools: string[]) =>
  fc.record(
    {
      match: fc.uniqueArray(
        fc.record(
          {
            in: fc.constantFrom('header' as const, 'query' as const),
            name: fc.stringMatching(/^[a-zA-Z][a-zA-Z-]{0,6}$/),
            equals: printable,
          },
          { requiredKeys: ['in', 'name'] },
        ),
        { minLength: 1, maxLength: 2, selector: (m) => `${m.in} ${m.name.toLowerCase()}` },
      ),
      strip_prefix: fc.boolean(),
      request_headers: headers,
      response_headers: headers,
      rate_limit: fc.record({
        requests_per_second: fc.integer({ min: 1, max: 1_000_000 }).map((n) => n / 1000),
        burst: fc.integer({ min: 1, max: 1_000_000 }),
      }),
      ip_allow: fc.uniqueArray(fc.constantFrom('203.0.113.0/24', '198.51.100.7', '2001:db8::/32'), {
        maxLength: 3,
      }),
      response_timeout: duration('ms', 10, 5000),
      retries: fc.integer({ min: 0, max: 10 }),
      max_body_bytes: fc.integer({ min: 0, max: 1_000_000_000_000 }),
      maintenance: fc
        .record({
          status: fc.integer({ min: 200, max: 599 }),
          body: fc.string({ unit: 'grapheme', maxLength: 30 }),
          content_type: fc.constantFrom('text/plain', 'text/html; charset=utf-8'),
        })
        .map((page) => (isWithoutContent(page.status) ? { ...page, body: '' } : page)),
      split: fc.uniqueArray(
        fc.record({ pool: fc.constantFrom(...pools), weight: fc.integer({ min: 1, max: 100 }) }),
        { minLength: 1, maxLength: 3, selector: (t) => t.pool },
      ),
    },
    optional,
  );

const routes = (pools: string[], domain: string) =>
  fc.uniqueArray(
    fc.record(
      {
        host: fc
          .tuple(
            fc.constantFrom('', '*.'),
            fc.mixedCase(fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/), { toggleCase: (c) => c.toUpperCase() }),
          )
          .map(([star, label]) => `${star}${label}.${domain}`),
        path_prefix: fc.stringMatching(/^(\/[a-z0-9]{1,6}){1,3}$/),
        pool: fc.constantFrom(...pools),
        ssl_enabled: fc.boolean(),
        features: features(pools),
      },
      { requiredKeys: ['host', 'pool'] },
    ),
    {
      maxLength: 5,
      selector: (r) => `${r.host.toLowerCase()} ${r.path_prefix ?? '/'}`,
    },
  );

/** Documents that a tenant without a plan's limit may import; all hosts are below `domain`. */
export const configDocuments = (domain: string) =>
  fc.uniqueArray(pool, { maxLength: 6, selector: (p) => p.name }).chain((pools) =>
    fc.record({
      format: fc.constant('veloflux-config/1'),
      pools: fc.constant(pools),
      routes: pools.length
        ? routes(
            pools.map((p) => p.name),
            domain,
          )
        : fc.constant([]),
    }),
  );
