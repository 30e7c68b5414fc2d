import { MAX_PAGE_BYTES } from '../../../common/load-balancing.js';
import type { RouteFeatures } from '../snapshot.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, burst, type ClientOptions, get, poolOf, raw, routeOf, tally, until } from './support.js';

export function describeFeatures(t: EngineUnderTest): void {
  describe('features of routes', () => {
    it.each([
      [
        'stripPrefix',
        { stripPrefix: true },
        '/api',
        { '/api': '/', '/api/': '/', '/api/x?y=1': '/x?y=1', '/api/x/api/': '/x/api/' },
      ],
      ['rewritePrefix', { rewritePrefix: '/v2/' }, '/api/', { '/api': '/v2', '/api/x?y=1': '/v2/x?y=1' }],
      ['rewritePrefix of the root', { rewritePrefix: '/base' }, '/', { '/': '/base/', '/x': '/base/x' }],
      ['rewritePrefix to the root', { rewritePrefix: '/' }, '/api', { '/api': '/', '/api/x': '/x' }],
    ])('%s', async (_what, features, pathPrefix, expected) => {
      await t.useRoute(features, { pathPrefix });
      for (const [path, url] of Object.entries(expected))
        expect((await get(t.engine, path)).echo.url).toBe(url);
    });

    it('header rules set and remove, on the way there and back', async () => {
      await t.useRoute({
        requestHeaders: { set: { 'X-Env': 'a  b', 'X-Empty': '' }, remove: ['X-Secret'] },
        responseHeaders: { set: { 'Cache-Control': 'no-store' }, remove: ['X-Upstream'] },
      });
      const { echo, headers } = await get(t.engine, '/', { headers: { 'x-secret': '1', 'x-env': 'mine' } });
      expect(echo.headers).toMatchObject({ 'x-env': 'a  b', 'x-empty': '' });
      expect(echo.headers['x-secret']).toBeUndefined();
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-upstream']).toBeUndefined();
    });

    it('a rate limit lets a burst pass, refuses the rest, and recovers', async () => {
      const upstream = await t.useRoute({ rateLimit: { requestsPerSecond: 20, burst: 10 } });
      const answers = await Promise.all(Array.from({ length: 40 }, () => get(t.engine)));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThanOrEqual(15);
      expect(upstream.requests.length).toBeGreaterThanOrEqual(10);
      expect(Number(refused[0].headers['retry-after'])).toBeGreaterThanOrEqual(1);
      await until('room again', async () => (await get(t.engine)).status === 200);
    });

    it('a rate limit counts each client apart', async () => {
      await t.useRoute({ rateLimit: { requestsPerSecond: 0.2, burst: 2 } });
      const statuses = async (from: string) =>
        (await burst(t.engine, 3, '/', { from })).map(({ status }) => status);
      expect(await statuses('127.0.1.1')).toEqual([200, 200, 429]);
      expect(await statuses('127.0.1.2')).toEqual([200, 200, 429]);
    });

    it('allow and deny lists; deny wins', async () => {
      await t.useRoute({ ipAllow: ['127.0.1.0/24', '127.0.2.2', '::1'], ipDeny: ['127.0.1.66'] });
      const status = async (from: string) => (await get(t.engine, '/', { from })).status;
      expect(await status('127.0.1.5')).toBe(200);
      expect(await status('127.0.2.2')).toBe(200);
      expect(await status('127.0.1.66')).toBe(403);
      expect(await status('127.0.2.3')).toBe(403);
    });

    it('address lists change without harm to other routes', async () => {
      const upstream = await t.useRoute({ ipDeny: ['127.0.1.1'] });
      await t.use(
        [poolOf([backendOf(upstream.port)])],
        [routeOf({}, { ipDeny: ['127.0.1.2', '127.0.1.3'] })],
      );
      const status = async (from: string) => (await get(t.engine, '/', { from })).status;
      expect([await status('127.0.1.1'), await status('127.0.1.2'), await status('127.0.1.3')]).toEqual([
        200, 403, 403,
      ]);
      await t.use([poolOf([backendOf(upstream.port)])]);
      expect(await status('127.0.1.2')).toBe(200);
    });

    const cors: RouteFeatures['cors'] = {
      allowOrigins: ['https://app.test'],
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['authorization', 'x-a'],
      exposeHeaders: ['x-total'],
      allowCredentials: true,
      maxAgeSeconds: 600,
    };

    it('CORS: a preflight of an allowed origin is answered here', async () => {
      const upstream = await t.useRoute({ cors });
      const { status, headers } = await get(t.engine, '/x', {
        method: 'OPTIONS',
        headers: { origin: 'https://app.test', 'access-control-request-method': 'PUT' },
      });
      expect([200, 204]).toContain(status);
      expect(headers['access-control-allow-origin']).toBe('https://app.test');
      expect(headers['access-control-allow-methods']).toBe('GET, PUT');
      expect(headers['access-control-allow-headers']).toBe('authorization, x-a');
      expect(headers['access-control-allow-credentials']).toBe('true');
      expect(headers['access-control-max-age']).toBe('600');
      expect(headers.vary).toMatch(/origin/i);
      expect(upstream.requests).toEqual([]);
    });

    it('CORS: answers to an allowed origin carry the fields, others do not', async () => {
      const upstream = await t.up('u', (_request, response) => {
        response.setHeader('access-control-allow-origin', 'https://wrong.test').end();
      });
      await t.use([poolOf([backendOf(upstream.port)])], [routeOf({}, { cors })]);
      const allowed = await get(t.engine, '/', { headers: { origin: 'https://app.test' } });
      expect(allowed.headers['access-control-allow-origin']).toBe('https://app.test');
      expect(allowed.headers['access-control-expose-headers']).toBe('x-total');
      for (const origin of ['https://evil.test', 'https://app.test.evil.test', 'null']) {
        const { headers } = await get(t.engine, '/', { headers: { origin } });
        expect(headers['access-control-allow-origin']).not.toBe(origin);
        const preflight = await get(t.engine, '/', {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'PUT' },
        });
        expect(preflight.headers['access-control-allow-origin']).toBeUndefined();
      }
    });

    it('CORS: any origin', async () => {
      await t.useRoute({ cors: { ...cors, allowOrigins: ['*'], allowCredentials: false } });
      const { headers } = await get(t.engine, '/', { headers: { origin: 'https://x.test' } });
      expect(['*', 'https://x.test']).toContain(headers['access-control-allow-origin']);
      expect(headers['access-control-allow-credentials']).toBeUndefined();
    });

    it.each([301, 302, 307, 308] as const)('redirect %i', async (status) => {
      await t.useRoute({ redirect: { status, location: 'https://new.test/a?b=c#d' } });
      const answer = await get(t.engine, '/old');
      expect(answer.status).toBe(status);
      expect(answer.headers.location).toBe('https://new.test/a?b=c#d');
    });

    it('the maintenance page stands in for the backends, with or without any', async () => {
      const maintenance = {
        status: 503,
        body: '<h1>Back "soon"</h1>\n% {é}\n',
        contentType: 'text/html; charset=utf-8',
      };
      const upstream = await t.useRoute({ maintenance });
      const answer = await get(t.engine, '/x');
      expect(answer).toMatchObject({ status: 503, body: maintenance.body });
      expect(answer.headers['content-type']).toBe(maintenance.contentType);
      expect(upstream.requests).toEqual([]);
      await t.use([poolOf([])], [routeOf({}, { maintenance: { ...maintenance, body: '' } })]);
      expect(await get(t.engine, '/x')).toMatchObject({ status: 503, body: '' });
    });

    it('a maintenance page of the greatest length comes whole', async () => {
      const body = 'é'.repeat(MAX_PAGE_BYTES / 2);
      const contentType = `text/plain; x=${'y'.repeat(240)}`;
      await t.useRoute({ maintenance: { status: 503, body, contentType } });
      expect(await get(t.engine, '/x')).toMatchObject({ status: 503, body });
    });

    it.each([204, 304])(
      'a maintenance page of status %i has no content that could pass for an answer',
      async (status) => {
        await t.useRoute({
          maintenance: { status, body: 'HTTP/1.1 200 OK\r\n\r\n', contentType: 'text/plain' },
        });
        const text = await raw(
          t.engine,
          'GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
        );
        expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`, `HTTP/1.1 ${status}`]);
      },
    );

    it("the route's timeout comes before the pool's", async () => {
      const upstream = await t.up('u', () => {});
      await t.use(
        [poolOf([backendOf(upstream.port)], { responseTimeoutMs: 60_000 })],
        [routeOf({}, { responseTimeoutMs: 200 })],
      );
      expect((await get(t.engine)).status).toBe(504);
    });

    it("the route's retries come before the pool's", async () => {
      const servers = await t.ups('dead', 'alive');
      await servers[0].kill();
      const pool = poolOf(
        servers.map(({ port }) => backendOf(port)),
        { retries: 0 },
      );
      await t.use([pool], [routeOf({}, { retries: 2 })]);
      expect(tally(await burst(t.engine, 6))).toEqual({ alive: 6 });
      await t.use([{ ...pool, retries: 2 }], [routeOf({}, { retries: 0 })]);
      const counts = tally(await burst(t.engine, 6));
      expect((counts[502] ?? 0) + (counts[503] ?? 0)).toBeGreaterThan(0);
    });

    it('a body over the limit is refused, declared or not', async () => {
      const upstream = await t.useRoute({ maxBodyBytes: 1000 });
      const post = (options: ClientOptions) => get(t.engine, '/', { method: 'POST', ...options });
      expect((await post({ body: 'x'.repeat(1000) })).status).toBe(200);
      expect((await post({ body: 'x'.repeat(1001) })).status).toBe(413);
      const chunked = await raw(
        t.engine,
        `POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${'400\r\n'}${'x'.repeat(1024)}\r\n0\r\n\r\n`,
      );
      // 411: an engine that cannot count what streams through may ask for the length.
      expect(chunked).toMatch(/^HTTP\/1\.1 (413|411)/);
      expect(upstream.requests.length).toBeLessThanOrEqual(2);
    });

    it('a feature that is taken away is off', async () => {
      const upstream = await t.useRoute({
        maintenance: { status: 503, body: 'x', contentType: 'text/plain' },
      });
      expect((await get(t.engine)).status).toBe(503);
      await t.use([poolOf([backendOf(upstream.port)])], [routeOf()]);
      expect((await get(t.engine)).status).toBe(200);
      await t.use(
        [poolOf([backendOf(upstream.port)])],
        [routeOf({}, { match: [{ in: 'header', name: 'x-never' }] })],
      );
      expect((await get(t.engine)).status).toBe(404);
      await t.use([poolOf([backendOf(upstream.port)])], [routeOf()]);
      expect((await get(t.engine)).status).toBe(200);
    });
  });
}
