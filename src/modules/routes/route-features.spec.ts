import type { AppError } from '../../common/errors.js';
import { validationPipe } from '../../platform/http/validation.js';
import { checkFeatures, fromStored, toStored } from './route-features.js';
import { CreateRouteRequest } from './routes.dto.js';

const pipe = validationPipe();
const parse = (features: unknown) =>
  pipe.transform(
    { host: 'app.example.com', pool: 'web', features },
    { type: 'body', metatype: CreateRouteRequest },
  ) as Promise<CreateRouteRequest>;
const fields = (features: unknown) =>
  parse(features).then(
    () => [],
    (e: AppError) => e.details.map((d) => d.field),
  );

const cors = {
  allow_origins: ['https://app.example.com'],
  allow_methods: ['GET'],
  allow_headers: ['Content-Type'],
  allow_credentials: true,
  max_age: '10m',
};

describe('features of a route', () => {
  it.each(['Connection', 'TE', 'Proxy-Authorization', 'HTTP2-Settings', 'Content-Length', 'Expect', 'Host'])(
    'a rule for %s, which the proxy sets itself, is refused: an engine would refuse all that comes after it',
    async (name) => {
      expect(await fields({ request_headers: { set: { [name]: 'x' } } })).toEqual([
        'features.request_headers.set',
      ]);
      expect(await fields({ response_headers: { remove: [name.toLowerCase()] } })).toEqual([
        'features.response_headers.remove',
      ]);
    },
  );

  it('header rules fit together into the head of a message: HAProxy has room for 16 kB', async () => {
    const rules = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, 'v'.repeat(4000)]));
    expect(await fields({ request_headers: { set: rules(2) }, response_headers: { set: rules(2) } })).toEqual(
      [],
    );
    for (const phase of ['request_headers', 'response_headers'])
      expect(await fields({ [phase]: { set: rules(3) } })).toEqual([`features.${phase}.set`]);
  });

  it('are taken as they are documented', async () => {
    const features = {
      match: [
        { in: 'header', name: 'X-Beta', equals: 'on' },
        { in: 'query', name: 'v' },
      ],
      rewrite_prefix: '/v2/',
      request_headers: { set: { 'X-Served-By': 'veloflux' }, remove: ['Accept-Encoding'] },
      response_headers: { remove: ['Server'] },
      rate_limit: { requests_per_second: 0.5, burst: 1 },
      ip_allow: ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7'],
      cors,
      redirect: { status: 308, location: 'https://www.example.com/x?y=z' },
      response_timeout: '5s',
      retries: 0,
      max_body_bytes: 1000,
      maintenance: { status: 503, body: 'Back at noon.\n', content_type: 'text/plain; charset=utf-8' },
      split: [{ pool: 'web', weight: 100 }],
    };
    expect(await fields(features)).toEqual([]);
  });

  it.each([
    ['an unknown feature', { magic: true }, 'features.magic'],
    ['null', { redirect: null }, 'features.redirect'],
    [
      'a header name with a space',
      { request_headers: { set: { 'X A': '1' } } },
      'features.request_headers.set',
    ],
    [
      'CR LF in a value',
      { request_headers: { set: { 'X-A': '1\r\nX-B: 2' } } },
      'features.request_headers.set',
    ],
    ['a lone LF', { response_headers: { set: { 'X-A': '1\n' } } }, 'features.response_headers.set'],
    [
      'the same header twice',
      { request_headers: { set: { 'X-A': '1', 'x-a': '2' } } },
      'features.request_headers.set',
    ],
    ['a number as value', { request_headers: { set: { 'X-A': 1 } } }, 'features.request_headers.set'],
    ['Host', { request_headers: { set: { HOST: 'x' } } }, 'features.request_headers.set'],
    [
      'Transfer-Encoding',
      { request_headers: { remove: ['Transfer-Encoding'] } },
      'features.request_headers.remove',
    ],
    [
      'Content-Length',
      { response_headers: { set: { 'Content-Length': '1' } } },
      'features.response_headers.set',
    ],
    ['Connection', { response_headers: { set: { connection: 'close' } } }, 'features.response_headers.set'],
    ['a block too wide', { ip_allow: ['203.0.113.0/33'] }, 'features.ip_allow'],
    ['no address', { ip_deny: ['example.com'] }, 'features.ip_deny'],
    ['a short address', { ip_deny: ['10/8'] }, 'features.ip_deny'],
    [
      'a script as target',
      { redirect: { status: 302, location: 'javascript:alert(1)' } },
      'features.redirect.location',
    ],
    [
      'a target without scheme',
      { redirect: { status: 302, location: '//evil.example' } },
      'features.redirect.location',
    ],
    [
      'a target with a line break',
      { redirect: { status: 302, location: '/a\r\nb' } },
      'features.redirect.location',
    ],
    [
      'a status that is no redirect',
      { redirect: { status: 200, location: '/' } },
      'features.redirect.status',
    ],
    [
      'a page of too many bytes',
      { maintenance: { status: 503, body: 'é'.repeat(7501), content_type: 'text/plain' } },
      'features.maintenance.body',
    ],
    ['dots in a prefix', { rewrite_prefix: '/../x' }, 'features.rewrite_prefix'],
    [
      'a rate of zero',
      { rate_limit: { requests_per_second: 0, burst: 1 } },
      'features.rate_limit.requests_per_second',
    ],
    [
      'a path as origin',
      { cors: { ...cors, allow_origins: ['https://a.example/x'] } },
      'features.cors.allow_origins',
    ],
    ['a condition of another kind', { match: [{ in: 'cookie', name: 'a' }] }, 'features.match.0.in'],
    ['an empty split', { split: [] }, 'features.split'],
    ['a weight over 100', { split: [{ pool: 'a', weight: 101 }] }, 'features.split.0.weight'],
    ['too long a timeout', { response_timeout: '2h' }, 'features.response_timeout'],
  ])('refuse %s and name it', async (_, features, field) => {
    expect(await fields(features)).toEqual([field]);
  });

  it.each([
    ['strip and rewrite at once', { strip_prefix: true, rewrite_prefix: '/x' }, 'features.rewrite_prefix'],
    [
      'credentials for every origin',
      { cors: { ...cors, allow_origins: ['*'] } },
      'features.cors.allow_credentials',
    ],
    [
      'a pool twice',
      {
        split: [
          { pool: 'a', weight: 1 },
          { pool: 'a', weight: 2 },
        ],
      },
      'features.split',
    ],
    ['a split without weight', { split: [{ pool: 'a', weight: 0 }] }, 'features.split'],
  ])('refuse %s', async (_, features, field) => {
    const parsed = (await parse(features)).features!;
    expect(() => checkFeatures(parsed)).toThrow(
      expect.objectContaining({ status: 422, details: [expect.objectContaining({ field })] }),
    );
  });

  it('are stored in one form: equal conditions are equal, pools go by id', async () => {
    const one = await parse({
      match: [
        { in: 'query', name: 'b' },
        { in: 'header', name: 'X-A' },
      ],
    });
    const two = await parse({
      match: [
        { in: 'header', name: 'x-a' },
        { in: 'query', name: 'b' },
      ],
    });
    expect(toStored(one.features!, new Map())).toEqual(toStored(two.features!, new Map()));
    expect(toStored({ match: [] }, new Map())).toEqual({});
    const stored = toStored(
      { rewrite_prefix: '/v2/', split: [{ pool: 'web', weight: 10 }] },
      new Map([['web', 'pool_1']]),
    );
    expect(stored).toEqual({ rewrite_prefix: '/v2', split: [{ pool_id: 'pool_1', weight: 10 }] });
    expect(fromStored(stored, { pool_1: 'renamed' })).toEqual({
      rewrite_prefix: '/v2',
      split: [{ pool: 'renamed', weight: 10 }],
    });
  });
});
