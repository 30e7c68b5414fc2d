import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, burst, get, poolOf, raw, routeOf } from './support.js';

/** Answers that a user must not be able to tell the engines by. */
export function describeSameness(t: EngineUnderTest): void {
  describe('whichever engine it is', () => {
    /** Status, and the code of an error, of a request as it is written. */
    const answerTo = async (...lines: string[]) => {
      const text = await raw(t.engine, [...lines, 'Connection: close', '', ''].join('\r\n'));
      const [head = '', body = ''] = text.split('\r\n\r\n');
      const code = /"code":"(\w+)"/.exec(body)?.[1];
      return { status: Number(head.slice(9, 12)), code, head: head.toLowerCase(), body };
    };

    /** A backend that tells the fields it got, as they came. */
    const plainEcho = async () => {
      const upstream = await t.up('u', (request, response) => {
        const { url, rawHeaders } = request;
        const fields = rawHeaders.flatMap((name, i) => (i % 2 ? [] : [`${name}: ${rawHeaders[i + 1]}`]));
        response.end(JSON.stringify({ url, fields: fields.map((field) => field.toLowerCase()) }));
      });
      await t.use([poolOf([backendOf(upstream.port)])]);
      return async (...lines: string[]) => {
        const { body, status } = await answerTo(...lines);
        if (status !== 200) throw new Error(`${status} ${body}`);
        return JSON.parse(body) as { url: string; fields: string[] };
      };
    };

    it.each([
      ['d.test:x', 'BAD_HOST'],
      ['a.test..', 'BAD_HOST'],
      ['*.a.test', 'BAD_HOST'],
      ['a.test, b.test', 'BAD_HOST'],
      ['user@a.test', 'BAD_HOST'],
      [`${'a'.repeat(300)}.test`, 'BAD_HOST'],
      ['', 'BAD_HOST'],
    ])('the Host %s is refused', async (host, code) => {
      await t.useRoute({}, { host: '*.test' });
      expect(await answerTo('GET / HTTP/1.1', `Host: ${host}`)).toMatchObject({ status: 400, code });
    });

    it('the target * and ones of other schemes are refused, and TRACE and CONNECT', async () => {
      await t.useRoute({});
      const code = async (line: string) => (await answerTo(line, 'Host: a.test')).code;
      expect(await code('OPTIONS * HTTP/1.1')).toBe('BAD_TARGET');
      expect(await code('GET ftp://a.test/ HTTP/1.1')).toBe('BAD_TARGET');
      expect(await code('TRACE / HTTP/1.1')).toBe('METHOD_NOT_ALLOWED');
    });

    it('backends get a path, also when the client names the whole address', async () => {
      const ask = await plainEcho();
      expect((await ask('GET http://a.test/x?y=1 HTTP/1.1', 'Host: a.test')).url).toBe('/x?y=1');
      expect((await ask('GET http://a.test HTTP/1.1', 'Host: a.test')).url).toBe('/');
    });

    it('no switch but to WebSocket is offered to backends, and nothing about the connection', async () => {
      const ask = await plainEcho();
      for (const [upgrade, connection] of [
        ['h2c', 'Upgrade, HTTP2-Settings'],
        ['websocket, h2c', 'Upgrade'],
        ['websocket', 'X-Forwarded-For'],
      ]) {
        const { fields } = await ask(
          'GET / HTTP/1.1',
          'Host: a.test',
          `Upgrade: ${upgrade}`,
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          'HTTP2-Settings: AAMAAABkAAQAAP__',
          `Connection: ${connection}`,
        );
        const of = (name: string) => fields.filter((field) => field.startsWith(`${name}:`));
        expect([of('upgrade'), of('http2-settings')]).toEqual([[], []]);
        expect(of('connection').filter((field) => !/: (keep-alive|close)$/.test(field))).toEqual([]);
        expect(of('x-forwarded-for')).toHaveLength(1);
      }
    });

    it('a backend reads where a request came from in one field, the client’s words first', async () => {
      const ask = await plainEcho();
      const forwardedFor = async (...fields: string[]) =>
        (
          await ask('GET / HTTP/1.1', 'Host: a.test', ...fields.map((f) => `X-Forwarded-For: ${f}`))
        ).fields.filter((field) => field.startsWith('x-forwarded-for:'));
      expect(await forwardedFor()).toEqual(['x-forwarded-for: 127.0.0.1']);
      expect(await forwardedFor('1.1.1.1, 2.2.2.2')).toEqual([
        'x-forwarded-for: 1.1.1.1, 2.2.2.2, 127.0.0.1',
      ]);
      expect(await forwardedFor('1.1.1.1', '2.2.2.2', '3.3.3.3')).toEqual([
        'x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1',
      ]);
    });

    it('errors have the same code, and the id of the request', async () => {
      const upstream = await t.useRoute({ ipDeny: ['127.0.0.1'] });
      const denied = await get(t.engine, '/', { headers: { 'x-request-id': 'mine-1' } });
      expect(JSON.parse(denied.body)).toEqual({
        error: true,
        code: 'ADDRESS_REFUSED',
        message: 'This address may not use this route',
      });
      const unknown = await get(t.engine, '/', { host: 'b.test', headers: { 'x-request-id': 'mine-2' } });
      expect([unknown.status, JSON.parse(unknown.body).code]).toEqual([404, 'UNKNOWN_HOST']);
      expect([denied, unknown].map(({ headers }) => headers['x-request-id'])).toEqual(['mine-1', 'mine-2']);
      await upstream.kill();
      const pool = poolOf([backendOf(upstream.port)], { retries: 0 });
      for (const [what, features] of [
        ['no backend', {}],
        ['no backend, with rules', { stripPrefix: true }],
      ] as const) {
        await t.use([what === 'no backend' ? pool : poolOf([])], [routeOf({}, features)]);
        const { status, headers, body } = await get(t.engine);
        expect([status, headers['retry-after'], JSON.parse(body).code]).toEqual([503, '5', 'NO_BACKEND']);
      }
    });

    it('a redirect says nothing of caching', async () => {
      await t.useRoute({ redirect: { status: 302, location: '/x' } });
      const { headers, body } = await get(t.engine);
      expect([headers['cache-control'], headers['content-type'], body]).toEqual([undefined, undefined, '']);
    });

    it('a condition holds when one of several fields of the name fits', async () => {
      const [plain, special] = await t.ups('plain', 'special');
      await t.use(
        [plain, special].map((u, i) => poolOf([backendOf(u!.port)], { id: `pool_${i}` })),
        [0, 1].map((i) =>
          routeOf(
            { id: `route_${i}`, targets: [{ poolId: `pool_${i}`, weight: 100 }] },
            i ? { match: [{ in: 'header', name: 'x-beta', equals: 'on' }] } : {},
          ),
        ),
      );
      const name = async (...values: string[]) =>
        JSON.parse(
          (await answerTo('GET / HTTP/1.1', 'Host: a.test', ...values.map((v) => `X-Beta: ${v}`))).body,
        ).name;
      expect([await name('off', 'on'), await name('on', 'off'), await name('off')]).toEqual([
        'special',
        'special',
        'plain',
      ]);
    });

    it('a condition reads a query as forms write it: names may be encoded, and a semicolon separates nothing', async () => {
      const [plain, special] = await t.ups('plain', 'special');
      await t.use(
        [plain, special].map((u, i) => poolOf([backendOf(u!.port)], { id: `pool_${i}` })),
        ['1', undefined, '', 'a+%é']
          .map((equals, i) =>
            routeOf(
              { id: `route_${i}`, pathPrefix: `/${i}`, targets: [{ poolId: 'pool_1', weight: 100 }] },
              { match: [{ in: 'query', name: 'x.y', ...(equals !== undefined && { equals }) }] },
            ),
          )
          .concat(routeOf({ id: 'route_all', targets: [{ poolId: 'pool_0', weight: 100 }] })),
      );
      const chosen = async (...queries: string[]) => {
        const found: string[] = [];
        for (const query of queries)
          if ((await get(t.engine, query)).echo.name === 'special') found.push(query);
        return found;
      };
      const equal = ['/0?x.y=1', '/0?%78.y=1', '/0?x%2Ey=%31', '/0?a&x.y=2&x.y=1'];
      expect(
        await chosen(...equal, '/0?x.y=1;z=2', '/0?a=1;x.y=1', '/0?xzy=1', '/0?x.y=11', '/0?x.y'),
      ).toEqual(equal);
      const there = ['/1?x.y', '/1?x%2ey=3', '/1?x.y;z'];
      expect(await chosen(...there, '/1?a;x.y')).toEqual(there.slice(0, 2));
      expect(await chosen('/2?x.y', '/2?x.y=', '/2?%78.y=&z', '/2?x.y=0')).toHaveLength(3);
      const odd = ['/3?x.y=a%2B%25%C3%A9', '/3?x.y=%61%2b%%c3%a9'];
      expect(await chosen(...odd, '/3?x.y=a+%25%C3%A9')).toEqual(odd);
    });

    it('header rules change what a backend answers; what the proxy adds itself stays', async () => {
      const upstream = await t.up('u', (_request, response) => {
        response.setHeader('Set-Cookie', 'theirs=1');
        response.setHeader('Vary', 'Accept');
        response.end('ok');
      });
      const cors = {
        allowOrigins: ['https://a.test'],
        allowMethods: [],
        allowHeaders: [],
        allowCredentials: true,
        maxAgeSeconds: 0,
      };
      const remove = ['X-Request-Id', 'Set-Cookie', 'Vary', 'Access-Control-Allow-Origin'];
      const set = {
        'Access-Control-Allow-Origin': 'https://b.test',
        'Access-Control-Allow-Private-Network': 'true',
      };
      const pool = poolOf([backendOf(upstream.port)], { stickySessions: true });
      await t.use(
        [pool],
        [
          routeOf({}, { cors, responseHeaders: { remove } }),
          routeOf({ id: 'route_set', pathPrefix: '/set' }, { cors, responseHeaders: { set } }),
        ],
      );
      const options = { headers: { origin: 'https://a.test', 'x-request-id': 'mine-1' } };
      const own = { 'x-request-id': 'mine-1', 'access-control-allow-origin': 'https://a.test' };
      const { headers } = await get(t.engine, '/', options);
      expect(headers).toMatchObject({ ...own, vary: 'Origin' });
      expect(headers['set-cookie']).toEqual([expect.stringMatching(/^VFSRV-/)]);
      const both = (await get(t.engine, '/set', options)).headers;
      expect(both).toMatchObject({ ...own, 'access-control-allow-private-network': 'true' });
      expect(both['set-cookie']).toHaveLength(2);
      const stranger = await get(t.engine, '/set', { headers: { origin: 'https://c.test' } });
      expect(stranger.headers['access-control-allow-origin']).toBe('https://b.test');
    });

    it('a split with a target of weight 0 never chooses it', async () => {
      const [a, b] = await t.ups('a', 'b');
      await t.use(
        [a, b].map((u, i) => poolOf([backendOf(u!.port)], { id: `pool_${i}` })),
        [
          routeOf({
            targets: [
              { poolId: 'pool_0', weight: 0 },
              { poolId: 'pool_1', weight: 3 },
            ],
          }),
        ],
      );
      const names = (await burst(t.engine, 20)).map(({ echo }) => echo.name);
      expect(new Set(names)).toEqual(new Set(['b']));
    });
  });
}
