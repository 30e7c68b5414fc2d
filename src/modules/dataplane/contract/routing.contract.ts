import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, get, poolOf, raw, routeOf, sliceOf, snapshotOf } from './support.js';

export function describeRoutes(t: EngineUnderTest): void {
  describe('routes', () => {
    it('the longest prefix wins, on segment borders', async () => {
      const [root, v1, deep] = await t.ups('root', 'v1', 'deep');
      const pools = [root, v1, deep].map((upstream, i) =>
        poolOf([backendOf(upstream.port)], { id: `pool_${i}` }),
      );
      const to = (i: number) => [{ poolId: `pool_${i}`, weight: 100 }];
      await t.use(pools, [
        routeOf({ id: 'route_0', targets: to(0) }),
        routeOf({ id: 'route_1', targets: to(1), pathPrefix: '/v1' }),
        routeOf({ id: 'route_2', targets: to(2), pathPrefix: '/v1/deep/' }),
      ]);
      const names = async (...paths: string[]) =>
        Promise.all(paths.map(async (path) => (await get(t.engine, path)).echo.name));
      expect(
        await names(
          '/',
          '/v10',
          '/v',
          '/v1',
          '/v1/',
          '/v1?x',
          '/v1/x',
          '/v1/deep',
          '/v1/deep/x',
          '/v1/deeper',
        ),
      ).toEqual(['root', 'root', 'root', 'v1', 'v1', 'v1', 'v1', 'deep', 'deep', 'v1']);
    });

    it('dot segments cannot lead past the route that they end in', async () => {
      const [open, closed] = await t.ups('open', 'closed');
      const pools = [open, closed].map((upstream, i) =>
        poolOf([backendOf(upstream.port)], { id: `pool_${i}` }),
      );
      await t.use(pools, [
        routeOf({ id: 'route_0', targets: [{ poolId: 'pool_0', weight: 100 }] }),
        routeOf(
          { id: 'route_1', pathPrefix: '/admin', targets: [{ poolId: 'pool_1', weight: 100 }] },
          { ipAllow: ['10.0.0.0/8'] },
        ),
      ]);
      for (const path of ['/admin', '/x/../admin', '/x/%2e%2E/admin/y', '/./admin', '/x/y/../../admin']) {
        const answer = await raw(
          t.engine,
          `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`,
        );
        expect(answer).toMatch(/^HTTP\/1\.1 (403|400)/);
      }
      expect((await get(t.engine, '/x/..admin/.y')).status).toBe(200);
    });

    it('hosts are compared without case, port and trailing dot', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      for (const host of ['A.Test', 'a.test:8088', 'a.test.', 'A.TEST.:80']) {
        expect((await get(t.engine, '/', { host })).status).toBe(200);
      }
      for (const host of ['b.test', 'a.test.evil', 'xa.test', 'test'])
        expect((await get(t.engine, '/', { host })).status).toBe(404);
    });

    it('a wildcard stands for one or more labels; the longest one and the exact host come first', async () => {
      const servers = await t.ups('one', 'two', 'exact');
      const pools = servers.map((upstream, i) => poolOf([backendOf(upstream.port)], { id: `pool_${i}` }));
      const to = (i: number) => [{ poolId: `pool_${i}`, weight: 100 }];
      await t.use(pools, [
        routeOf({ id: 'route_0', host: '*.a.test', targets: to(0) }),
        routeOf({ id: 'route_1', host: '*.b.a.test', targets: to(1) }),
        routeOf({ id: 'route_2', host: 'x.a.test', pathPrefix: '/only', targets: to(2) }),
      ]);
      const name = async (host: string, path = '/') => {
        const answer = await get(t.engine, path, { host });
        return answer.status === 200 ? answer.echo.name : answer.status;
      };
      expect(await name('y.a.test')).toBe('one');
      expect(await name('z.y.a.test')).toBe('one');
      expect(await name('1.2.3.4.5.6.7.8.9.a.test')).toBe('one');
      expect(await name('y.b.a.test')).toBe('two');
      expect(await name('b.a.test')).toBe('one');
      expect(await name('x.a.test', '/only')).toBe('exact');
      // An exact host does not fall through to a wildcard.
      expect(await name('x.a.test', '/')).toBe(404);
      expect(await name('a.test')).toBe(404);
      expect(await name('ya.test')).toBe(404);
    });

    it('tenants do not see each other', async () => {
      const [a, b] = await t.ups('a', 'b');
      await t.engine.apply(
        snapshotOf(
          1,
          sliceOf([poolOf([backendOf(a.port)])], [routeOf()], 'tenant_a'),
          sliceOf(
            [poolOf([backendOf(b.port)], { id: 'pool_b' })],
            [routeOf({ id: 'route_b', host: 'b.test', targets: [{ poolId: 'pool_b', weight: 100 }] })],
            'tenant_b',
          ),
        ),
      );
      expect((await get(t.engine)).echo.name).toBe('a');
      expect((await get(t.engine, '/', { host: 'b.test' })).echo.name).toBe('b');
    });

    it('a route to a pool without backends answers 503', async () => {
      await t.use([poolOf([])]);
      const { status, body } = await get(t.engine);
      expect(status).toBe(503);
      expect(JSON.parse(body)).toMatchObject({ error: true });
    });

    it('conditions: more of them win, then the plain route, then the shorter prefix', async () => {
      const servers = await t.ups('plain', 'header', 'both', 'deep');
      const pools = servers.map((upstream, i) => poolOf([backendOf(upstream.port)], { id: `pool_${i}` }));
      const to = (i: number) => [{ poolId: `pool_${i}`, weight: 100 }];
      await t.use(pools, [
        routeOf({ id: 'route_0', targets: to(0) }),
        routeOf(
          { id: 'route_1', targets: to(1) },
          { match: [{ in: 'header', name: 'X-Beta', equals: '1' }] },
        ),
        routeOf(
          { id: 'route_2', targets: to(2) },
          {
            match: [
              { in: 'header', name: 'x-beta', equals: '1' },
              { in: 'query', name: 'v' },
            ],
          },
        ),
        routeOf(
          { id: 'route_3', targets: to(3), pathPrefix: '/deep' },
          { match: [{ in: 'query', name: 'q', equals: 'a b' }] },
        ),
      ]);
      const name = async (path: string, headers = {}) => (await get(t.engine, path, { headers })).echo.name;
      expect(await name('/')).toBe('plain');
      expect(await name('/', { 'x-beta': '1' })).toBe('header');
      expect(await name('/', { 'x-beta': '12' })).toBe('plain');
      expect(await name('/?v', { 'x-beta': '1' })).toBe('both');
      expect(await name('/?v=', { 'x-beta': '1' })).toBe('both');
      expect(await name('/?vv=1', { 'x-beta': '1' })).toBe('header');
      expect(await name('/deep/x?q=a%20b')).toBe('deep');
      expect(await name('/deep/x?q=a+b&r=1')).toBe('deep');
      expect(await name('/deep/x?q=c')).toBe('plain');
      expect(await name('/deep?q=a+b', { 'x-beta': '1' })).toBe('deep');
    });
  });
}
