import { SnapshotRefused } from '../engine.js';
import type { RouteFeatures } from '../snapshot.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, get, poolOf, raw, routeOf } from './support.js';

export function describeHostile(t: EngineUnderTest): void {
  describe('hostile strings', () => {
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: texts that look like templates are the point
    const HOSTILE = [
      'he said "hi"',
      "it's",
      '%[src] %% %{+Q}o $HOME ${HOME}',
      '# comment',
      'a\\b\\ c\\"d',
      'x; del map routes.map a.test/',
      '<<',
      '|field|1|2|',
      '{ always_true } if TRUE',
      'tab\tinside',
      'ünï',
      '  two  spaces  inside',
      '}',
    ];
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above

    it.each(HOSTILE)('%j comes out of a header rule as it went in', async (text) => {
      const upstream = await t.useRoute({
        requestHeaders: { set: { 'x-text': text } },
        responseHeaders: { set: { 'x-text': text } },
      });
      const check = async () => {
        const { echo, headers } = await get(t.engine);
        expect(echo.headers['x-text']).toBe(text.trim());
        expect(String(headers['x-text'])).toBe(text.trim());
      };
      await check();
      // The same by a change instead of a beginning.
      const change = (value: string) =>
        t.use(
          [poolOf([backendOf(upstream.port)])],
          [
            routeOf(
              {},
              {
                requestHeaders: { set: { 'x-text': value } },
                responseHeaders: { set: { 'x-text': value } },
              },
            ),
          ],
        );
      await change('plain');
      await change(text);
      await check();
    });

    it.each([...HOSTILE, 'sn☃w 𝒳'])('%j as a condition matches itself only', async (text) => {
      const [plain, special] = await t.ups('plain', 'special');
      const pools = [plain, special].map((upstream, i) =>
        poolOf([backendOf(upstream.port)], { id: `pool_${i}` }),
      );
      await t.use(pools, [
        routeOf({ id: 'route_0', targets: [{ poolId: 'pool_0', weight: 100 }] }),
        routeOf(
          { id: 'route_1', targets: [{ poolId: 'pool_1', weight: 100 }] },
          { match: [{ in: 'query', name: 'q', equals: text }] },
        ),
      ]);
      expect((await get(t.engine, `/?q=${encodeURIComponent(text)}`)).echo.name).toBe('special');
      expect((await get(t.engine, '/?q=x')).echo.name).toBe('plain');
    });

    it.each([
      '/a"b',
      "/a'b",
      '/a;b',
      '/a\\b',
      '/a%5Bsrc%5D',
      '/a%[src]',
      '/a$HOME',
      '/a|b',
      '/{a}',
      '/a<<',
      '/(x)*+^',
      '/-i',
    ])('the prefix %s matches itself only', async (pathPrefix) => {
      await t.useRoute({}, { pathPrefix });
      const status = async (path: string) =>
        Number(
          (await raw(t.engine, `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`)).slice(
            9,
            12,
          ),
        );
      expect([await status(pathPrefix), await status(`${pathPrefix}/x`)]).toEqual([200, 200]);
      expect([await status('/'), await status(`${pathPrefix}x`), await status('/a')]).toEqual([
        404, 404, 404,
      ]);
    });

    it.each<[string, RouteFeatures]>([
      ['a line break in a header value', { responseHeaders: { set: { 'x-a': 'b\r\nx-evil: 1' } } }],
      ['a line break in a redirect', { redirect: { status: 302, location: '/x\r\nx-evil: 1' } }],
      [
        'a line break in a content type',
        { maintenance: { status: 503, body: '', contentType: 'text/plain\nx-evil: 1' } },
      ],
      ['a rule for Content-Length', { requestHeaders: { set: { 'content-length': '0' } } }],
      ['a rule for Transfer-Encoding', { requestHeaders: { set: { 'Transfer-Encoding': 'chunked' } } }],
    ])('%s is refused or has no effect', async (_what, features) => {
      const upstream = await t.up('u');
      const applied = await t.use([poolOf([backendOf(upstream.port)])], [routeOf({}, features)]).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(SnapshotRefused);
          return false;
        },
      );
      if (!applied) return;
      const { headers, echo } = await get(t.engine, '/', { method: 'POST', body: 'hello' });
      expect(headers['x-evil']).toBeUndefined();
      if (upstream.requests.length > 0) expect(echo.body).toBe('hello');
    });
  });
}
