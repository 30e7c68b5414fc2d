import {
  backendConfig,
  poolConfig,
  routeConfig,
  type TestUpstream,
  until,
} from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';
import type { RouteFeatures } from '../../snapshot.js';

describe('route features', () => {
  const harness = new EngineHarness();
  let upstream: TestUpstream;

  beforeAll(async () => {
    await harness.start();
    upstream = await harness.upstream('one', (request, response) => {
      response.setHeader('Server', 'secret/1.0');
      response.setHeader('Access-Control-Allow-Origin', 'https://backend.example.com');
      response.setHeader('X-Url', request.url!);
      request.on('error', () => undefined);
      request.pipe(response);
    });
  });
  afterAll(() => harness.close());

  const serve = (features: RouteFeatures, pathPrefix = '/'): Promise<void> =>
    harness.serve([backendConfig('b1', upstream.port)], {}, { features, pathPrefix });
  const lastSeen = (): Record<string, unknown> => upstream.requests.at(-1)!.headers;

  describe('paths', () => {
    it.each([
      [{ stripPrefix: true }, '/v1', '/v1/x?y=1', '/x?y=1'],
      [{ stripPrefix: true }, '/v1', '/v1', '/'],
      [{ stripPrefix: true }, '/v1/', '/v1/x', '/x'],
      [{ stripPrefix: true }, '/', '/x', '/x'],
      [{ rewritePrefix: '/api/v2' }, '/v1', '/v1/x', '/api/v2/x'],
      [{ rewritePrefix: '/api/' }, '/v1', '/v1', '/api'],
      [{ rewritePrefix: '/' }, '/v1', '/v1/x/', '/x/'],
      [{ rewritePrefix: '/api' }, '/', '/x', '/api/x'],
    ])('%j with prefix %s: %s arrives as %s', async (features, prefix, sent, arrives) => {
      await serve(features, prefix);
      expect((await harness.call(sent)).headers['x-url']).toBe(arrives);
    });

    it('dot segments are resolved before the route is chosen and before the path is sent on', async () => {
      await harness.apply(
        [poolConfig('p1', [backendConfig('b1', upstream.port)])],
        [
          routeConfig('open', HOST, 'p1', {
            pathPrefix: '/open',
            features: { responseHeaders: { set: { 'X-Route': 'open' } } },
          }),
          routeConfig('admin', HOST, 'p1', {
            pathPrefix: '/admin',
            features: { responseHeaders: { set: { 'X-Route': 'admin' } } },
          }),
        ],
      );
      for (const path of ['/open/../admin/x', '/open/%2e%2E/admin/x', '/open/./../admin/x']) {
        const client = harness.client();
        client.send(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
        await client.receives('X-Route: admin');
        expect(client.text).toContain('X-Url: /admin/x');
      }
    });
  });

  describe('header rules', () => {
    it('set and remove fields on the way to the backend and back', async () => {
      await serve({
        requestHeaders: {
          set: { 'X-Env': 'prod', Host: 'internal.example.com' },
          remove: ['Cookie', 'x-drop'],
        },
        responseHeaders: { set: { 'X-Frame-Options': 'DENY' }, remove: ['server'] },
      });
      const headers = { cookie: 'a=1', 'X-Drop': '1', 'X-ENV': 'forged', 'X-Keep': '1' };
      const answer = await harness.call('/', { headers });
      expect(lastSeen()).toMatchObject({ 'x-env': 'prod', host: 'internal.example.com', 'x-keep': '1' });
      expect(lastSeen()).not.toHaveProperty('cookie');
      expect(lastSeen()).not.toHaveProperty('x-drop');
      expect(answer.headers).toMatchObject({ 'x-frame-options': 'DENY' });
      expect(answer.headers).not.toHaveProperty('server');
    });

    it.each<[string, RouteFeatures]>([
      ['Transfer-Encoding', { requestHeaders: { set: { 'Transfer-Encoding': 'chunked' } } }],
      ['Content-Length', { responseHeaders: { remove: ['content-length'] } }],
      ['the removal of Host', { requestHeaders: { remove: ['Host'] } }],
      ['a value with a line break', { responseHeaders: { set: { 'X-A': 'a\r\nSet-Cookie: b' } } }],
      ['a name that is none', { requestHeaders: { set: { 'X A': '1' } } }],
    ])('refuse %s', async (_name, features) => {
      await expect(serve(features)).rejects.toThrow(/route r1 has .*(rule)/);
    });
  });

  describe('rate limit', () => {
    it('429 with Retry-After beyond the burst, per client; a change elsewhere does not reset it', async () => {
      const rateLimit = { requestsPerSecond: 0.5, burst: 3 };
      await serve({ rateLimit });
      const statuses: number[] = [];
      for (let i = 0; i < 5; i++) statuses.push((await harness.call()).status);
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      await serve({ rateLimit, stripPrefix: true });
      const limited = await harness.call();
      expect(limited.status).toBe(429);
      expect(Number(limited.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(JSON.parse(limited.body).code).toBe('RATE_LIMITED');
      await serve({ rateLimit: { ...rateLimit, burst: 1 } });
      expect((await harness.call()).status).toBe(200);
    });
  });

  describe('addresses', () => {
    it.each<[RouteFeatures, number]>([
      [{ ipDeny: ['127.0.0.0/8'] }, 403],
      [{ ipDeny: ['192.0.2.0/24', '2001:db8::/32'] }, 200],
      [{ ipAllow: ['127.0.0.1'] }, 200],
      [{ ipAllow: ['192.0.2.0/24'] }, 403],
      [{ ipAllow: ['127.0.0.1'], ipDeny: ['127.0.0.1/32'] }, 403],
    ])('%j answers %d', async (features, status) => {
      await serve(features);
      expect((await harness.call()).status).toBe(status);
    });

    it.each(['127.0.0.1/33', 'example.com', '10.0.0.0/8/8', '::1/129', ''])(
      'refuses the block %j',
      async (block) => {
        await expect(serve({ ipDeny: [block] })).rejects.toThrow(
          'route r1 has an address block that is none',
        );
      },
    );
  });

  describe('CORS', () => {
    const cors = {
      allowOrigins: ['https://app.example.com'],
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['X-Token'],
      exposeHeaders: ['X-Url'],
      allowCredentials: true,
      maxAgeSeconds: 600,
    };
    const preflight = (origin: string) =>
      harness.call('/', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } });

    it('answers a preflight of an allowed origin without asking the backend', async () => {
      await serve({ cors });
      const before = upstream.requests.length;
      const answer = await preflight('https://app.example.com');
      expect(answer.status).toBe(204);
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': 'https://app.example.com',
        'access-control-allow-methods': 'GET, PUT',
        'access-control-allow-headers': 'X-Token',
        'access-control-allow-credentials': 'true',
        'access-control-max-age': '600',
        vary: 'Origin',
      });
      expect(answer.headers).not.toHaveProperty('content-length');
      expect(upstream.requests).toHaveLength(before);
    });

    it('gives a foreign origin nothing', async () => {
      await serve({ cors });
      const answer = await preflight('https://evil.example.com');
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    });

    it('replaces what the backend says, and covers refusals too', async () => {
      await serve({ cors, ipDeny: ['127.0.0.1'] });
      const refused = await harness.call('/', { headers: { origin: 'https://app.example.com' } });
      expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([
        403,
        'https://app.example.com',
      ]);
      await serve({ cors });
      const answer = await harness.call('/', { headers: { origin: 'https://app.example.com' } });
      expect(answer.headers['access-control-allow-origin']).toBe('https://app.example.com');
      expect(answer.headers['access-control-expose-headers']).toBe('X-Url');
    });

    it('never allows credentials to any origin', async () => {
      await serve({ cors: { ...cors, allowOrigins: ['*'] } });
      const answer = await harness.call('/', { headers: { origin: 'https://evil.example.com' } });
      expect(answer.headers['access-control-allow-origin']).toBe('*');
      expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    });
  });

  describe('answers without a backend', () => {
    it('redirects', async () => {
      await serve({ redirect: { status: 308, location: 'https://new.example.com/' } });
      const answer = await harness.call('/x', { method: 'POST', body: 'abc' });
      expect([answer.status, answer.headers.location, answer.body]).toEqual([
        308,
        'https://new.example.com/',
        '',
      ]);
      const { traffic } = harness.engine.drainTelemetry();
      expect(traffic.at(-1)).toMatchObject({
        routeId: 'r1',
        poolId: null,
        backendId: null,
        statusClasses: [0, 0, 1, 0, 0],
      });
    });

    it('shows the maintenance page', async () => {
      await serve({
        maintenance: { status: 503, body: '<h1>Später</h1>', contentType: 'text/html; charset=utf-8' },
      });
      const answer = await harness.call();
      expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([
        503,
        'text/html; charset=utf-8',
        '<h1>Später</h1>',
      ]);
    });

    it('a short body that nobody wants does not end the connection', async () => {
      await serve({ redirect: { status: 302, location: '/y' } });
      const client = harness.client();
      for (let i = 1; i <= 2; i++) {
        client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\nabc`);
        await until('the answer', () => client.text.split('HTTP/1.1 302').length === i + 1);
      }
    });
  });

  describe('body limit', () => {
    it('413 to a declared length beyond it, nothing reaches the backend', async () => {
      await serve({ maxBodyBytes: 10 });
      const before = upstream.requests.length;
      expect((await harness.call('/', { method: 'POST', body: 'x'.repeat(11) })).status).toBe(413);
      expect(upstream.requests).toHaveLength(before);
      expect((await harness.call('/', { method: 'POST', body: 'x'.repeat(10) })).status).toBe(200);
    });

    it('413 to a chunked body that grows beyond it', async () => {
      const hungry = await harness.upstream('hungry', (request) => request.resume());
      await harness.serve([backendConfig('b2', hungry.port)], {}, { features: { maxBodyBytes: 10 } });
      const client = harness.client();
      client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n`);
      await until('the body to flow', () => hungry.requests.length === 1);
      client.send('8\r\n12345678\r\n');
      await client.receives('HTTP/1.1 413');
    });
  });

  describe('overrides', () => {
    it('the response time limit of a route wins over the pool', async () => {
      const silent = await harness.upstream('silent', () => undefined);
      await harness.serve(
        [backendConfig('b3', silent.port)],
        { responseTimeoutMs: 60_000 },
        { features: { responseTimeoutMs: 50 } },
      );
      expect((await harness.call()).status).toBe(504);
    });

    it('the retries of a route win over the pool', async () => {
      const backends = [backendConfig('b4', 1), backendConfig('b1', upstream.port)];
      await harness.serve(backends, { retries: 2 }, { features: { retries: 0 } });
      const statuses = [(await harness.call()).status, (await harness.call()).status];
      expect(statuses.sort()).toEqual([200, 503]);
    });
  });

  describe('choosing by more than host and path', () => {
    const named = async (name: string) => (await harness.upstream(name)).port;

    it('a weighted split sends shares to its pools, and sticky clients stay in theirs', async () => {
      const [a, b] = [await named('stable'), await named('canary')];
      const pools = [
        poolConfig('pa', [backendConfig('ba', a)], { stickySessions: true }),
        poolConfig('pb', [backendConfig('bb', b)], { stickySessions: true }),
      ];
      const targets = [
        { poolId: 'pa', weight: 80 },
        { poolId: 'pb', weight: 20 },
      ];
      await harness.apply(pools, [routeConfig('r1', HOST, 'pa', { targets })]);
      const counts: Record<string, number> = { stable: 0, canary: 0 };
      let cookie = '';
      for (let i = 0; i < 300; i++) {
        const answer = await harness.call();
        counts[answer.body]++;
        if (answer.body === 'canary') cookie = answer.headers['set-cookie']![0].split(';')[0];
      }
      expect(counts.canary).toBeGreaterThan(25);
      expect(counts.canary).toBeLessThan(110);
      for (let i = 0; i < 10; i++)
        expect((await harness.call('/', { headers: { cookie } })).body).toBe('canary');
    });

    it('header and query conditions choose among routes of the same host and prefix; more conditions win', async () => {
      const ports = await Promise.all(['plain', 'beta', 'both'].map(named));
      const pools = ports.map((port, i) => poolConfig(`p${i}`, [backendConfig(`m${i}`, port)]));
      const beta = { in: 'header', name: 'X-Beta' } as const;
      const version = { in: 'query', name: 'v', equals: '2' } as const;
      await harness.apply(pools, [
        routeConfig('r0', HOST, 'p0'),
        routeConfig('r1', HOST, 'p1', { features: { match: [beta] } }),
        routeConfig('r2', HOST, 'p2', { features: { match: [version, beta] } }),
      ]);
      expect((await harness.call()).body).toBe('plain');
      expect((await harness.call('/?v=2')).body).toBe('plain');
      expect((await harness.call('/?v=3', { headers: { 'x-beta': 'yes' } })).body).toBe('beta');
      expect((await harness.call('/?a&v=2', { headers: { 'x-beta': '' } })).body).toBe('both');
    });
  });
});
