import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { compileTenant, type TenantRows } from '../../src/modules/dataplane/compile.js';
import { validateSlice } from '../../src/modules/dataplane/embedded/config/validate-slice.js';
import { checkSnapshot } from '../../src/modules/dataplane/haproxy/render.js';
import { normaliseHost, normalisePath } from '../../src/modules/routes/host.js';
import { checkFeatures, toStored } from '../../src/modules/routes/route-features.js';
import { CreateRouteRequest } from '../../src/modules/routes/routes.dto.js';
import { fc } from '../support/property.js';

const TEXTS = ['', ' ', '\t', 'a\tb', 'a\nb', 'a\r\nX: y', '\0', 'é', '☃', '"', "'", '%[src]', 'text/html'];
const text = fc.oneof(fc.constantFrom(...TEXTS, 'x'.repeat(300)), fc.string(), fc.string({ unit: 'binary' }));
const number = fc.oneof(
  fc.constantFrom(0, 0.001, 1, 204, 304, 503, 1_000_000, 1e-7, 1e21),
  fc.integer(),
  fc.double(),
);
const name = fc.oneof(
  fc.constantFrom('x-a', 'Set-Cookie', 'a*b', "a'b", 'a|b', 'q.x', 'x'.repeat(120)),
  text,
);
const headers = fc.record(
  { set: fc.dictionary(name, text), remove: fc.array(name, { maxLength: 3 }) },
  { requiredKeys: [] },
);
const block = fc.oneof(
  fc.constantFrom('10.0.0.0/8', '10.1.2.3/8', '::/0', '::1', '::ffff:1.2.3.4/120', 'fe80::1%eth0', '1.2.3/8'),
  text,
);
const duration = fc.constantFrom('0s', '10ms', '1h', '1d', '250ms', '999d', '');
const names = fc.array(name, { maxLength: 3 });
const features: Record<string, fc.Arbitrary<unknown>> = {
  match: fc.array(
    fc.record(
      { in: fc.constantFrom('header', 'query'), name, equals: text },
      { requiredKeys: ['in', 'name'] },
    ),
    { maxLength: 3 },
  ),
  strip_prefix: fc.boolean(),
  rewrite_prefix: fc.oneof(fc.constantFrom('/', '/a/', '/a b', '/é', '/%', '/%zz', "/'"), text),
  request_headers: headers,
  response_headers: headers,
  rate_limit: fc.record({ requests_per_second: number, burst: number }),
  ip_allow: fc.array(block, { maxLength: 3 }),
  ip_deny: fc.array(block, { maxLength: 3 }),
  cors: fc.record({
    allow_origins: fc.array(fc.oneof(fc.constantFrom('*', 'https://a.test', 'http://a.test:99999'), text), {
      minLength: 1,
      maxLength: 3,
    }),
    allow_methods: names,
    allow_headers: names,
    expose_headers: names,
    allow_credentials: fc.boolean(),
    max_age: duration,
  }),
  redirect: fc.record({
    status: fc.constantFrom(301, 302, 303, 308),
    location: fc.oneof(fc.constantFrom('/x', '//x', 'https://a.test/"', 'https://[', "/'"), text),
  }),
  response_timeout: duration,
  retries: number,
  max_body_bytes: number,
  maintenance: fc.record({
    status: fc.oneof(fc.integer({ min: 200, max: 599 }), number),
    body: text,
    content_type: fc.oneof(fc.constantFrom('text/html', 'a/b; charset="x y"', 'a/b;', 'a/é'), text),
  }),
  split: fc.array(
    fc.record({ pool: fc.constantFrom('web', 'next'), weight: fc.constantFrom(0, 1, 99, 100, 101) }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
};
const POOLS = new Map([
  ['web', 'pool_1'],
  ['next', 'pool_2'],
]);

/** The rows that the API makes of a request; null when it refuses it. */
function accepted(request: object): TenantRows | null {
  const body = plainToInstance(CreateRouteRequest, request);
  if (validateSync(body, { whitelist: true, forbidNonWhitelisted: true }).length) return null;
  try {
    checkFeatures(body.features ?? {});
  } catch {
    return null;
  }
  const pool = {
    algorithm: 'round_robin',
    sticky_sessions: false,
    connect_timeout: '1s',
    response_timeout: '1s',
  };
  return {
    pools: [...POOLS].map(([name, id]) => ({ ...pool, id, name, retries: 0 })),
    backends: [],
    routes: [
      {
        id: 'route_1',
        host: normaliseHost(body.host)!,
        path_prefix: normalisePath(body.path_prefix ?? '/')!,
        pool_id: 'pool_1',
        ssl_enabled: body.ssl_enabled ?? false,
        features: toStored(body.features ?? {}, POOLS),
      },
    ],
    certificates: [],
    challenges: [],
    weightFactors: new Map(),
  } as unknown as TenantRows;
}

/** @returns whether the API accepted it @throws when an engine then refuses it */
function runs(request: object): boolean {
  const rows = accepted(request);
  if (!rows) return false;
  const slice = compileTenant('tenant_1', rows);
  validateSlice(slice);
  checkSnapshot({ version: 1, tenants: new Map([['tenant_1', slice]]) });
  return true;
}

describe('a route that the API accepts can be run by both engines', () => {
  it.each(Object.entries(features))('with %s', (feature, values) => {
    let taken = 0;
    fc.assert(
      fc.property(values, (value) => {
        if (runs({ host: 'a.test', pool: 'web', features: { [feature]: value } })) taken++;
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(20);
  });

  const host = fc.oneof(text, fc.stringMatching(/^(\*\.)?[a-zA-Z0-9_-]{1,5}(\.[a-zA-Z0-9_-]{1,5}){0,3}\.?$/));
  const path_prefix = fc.oneof(text, fc.stringMatching(/^(\/[!-~é ]{0,6}){1,3}$/));
  it.each([
    ['host', fc.record({ host })],
    ['path', fc.record({ path_prefix })],
  ])('with any %s', (_what, fields) => {
    let taken = 0;
    fc.assert(
      fc.property(fields, (given) => {
        if (runs({ host: 'a.test', pool: 'web', ...given })) taken++;
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(20);
  });
});
