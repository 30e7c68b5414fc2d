import { Agent } from 'node:http';
import { type DataPlaneEngine } from '../engine.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, burst, get, Load, poolOf, raw, routeOf, until } from './support.js';

export function describeTelemetry(t: EngineUnderTest): void {
  describe('telemetry', () => {
    async function telemetry(requests: number) {
      const total = { requests: 0, bytesIn: 0, bytesOut: 0, unknown: 0 };
      const batches: ReturnType<DataPlaneEngine['drainTelemetry']>[] = [];
      await until(`${requests} requests are counted`, () => {
        const batch = t.engine.drainTelemetry();
        batches.push(batch);
        total.unknown += batch.unknownHostRequests;
        for (const delta of batch.traffic) {
          total.requests += delta.requests;
          total.bytesIn += delta.bytesIn;
          total.bytesOut += delta.bytesOut;
        }
        return total.requests + total.unknown >= requests;
      });
      return {
        ...total,
        traffic: batches.flatMap(({ traffic }) => traffic),
        paths: batches.flatMap(({ paths }) => paths),
        samples: batches.flatMap(({ samples }) => samples),
      };
    }

    it('every request is counted once, by route, pool, backend and status', async () => {
      const teapot = await t.up('a', (request, response) =>
        response.writeHead(request.url!.startsWith('/tea') ? 418 : 200).end('12345'),
      );
      await t.use([poolOf([backendOf(teapot.port)])]);
      await burst(t.engine, 30, '/ok');
      await burst(t.engine, 12, '/tea?secret=1');
      const seen = await telemetry(42);
      expect(seen.requests).toBe(42);
      for (const delta of seen.traffic) {
        expect(delta).toMatchObject({
          tenantId: 'tenant_a',
          routeId: 'route_a',
          poolId: 'pool_a',
          backendId: `backend_${teapot.port}`,
        });
        expect(delta.latencyBuckets.reduce((sum, count) => sum + count, 0)).toBe(delta.requests);
        expect(delta.statusClasses.reduce((sum, count) => sum + count, 0)).toBe(delta.requests);
      }
      const classes = seen.traffic.reduce(
        (sum, { statusClasses }) => sum.map((n, i) => n + statusClasses[i]),
        [0, 0, 0, 0, 0],
      );
      expect(classes).toEqual([0, 30, 0, 12, 0]);
      expect(seen.bytesIn).toBeGreaterThan(42 * 30);
      expect(seen.bytesOut).toBeGreaterThan(42 * 40);
      const paths = new Map<string, number>();
      for (const { path, requests, tenantId } of seen.paths) {
        expect(tenantId).toBe('tenant_a');
        paths.set(path, (paths.get(path) ?? 0) + requests);
      }
      expect([...paths].sort()).toEqual([
        ['/ok', 30],
        ['/tea', 12],
      ]);
      expect(JSON.stringify(seen.samples)).not.toContain('secret');
      expect(t.engine.drainTelemetry()).toMatchObject({
        traffic: [],
        paths: [],
        samples: [],
        unknownHostRequests: 0,
      });
    });

    it('bytes of bodies count', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      await get(t.engine, '/', { method: 'POST', body: 'x'.repeat(100_000) });
      const { bytesIn, bytesOut } = await telemetry(1);
      expect(bytesIn).toBeGreaterThan(100_000);
      expect(bytesIn).toBeLessThan(101_000);
      expect(bytesOut).toBeGreaterThan(100_000);
    });

    it('unknown hosts are counted apart', async () => {
      await burst(t.engine, 7, '/', { host: 'nobody.test' });
      expect(await telemetry(7)).toMatchObject({ requests: 0, unknown: 7, paths: [] });
    });

    it('what reached no pool or no backend says so', async () => {
      const [dead] = await t.ups('dead');
      await dead.kill();
      await t.use(
        [poolOf([backendOf(dead.port)], { retries: 0 })],
        [
          routeOf(),
          routeOf({ id: 'route_moved', pathPrefix: '/moved' }, { redirect: { status: 301, location: '/x' } }),
          routeOf({ id: 'route_denied', pathPrefix: '/denied' }, { ipDeny: ['127.0.0.0/8'] }),
        ],
      );
      for (const path of ['/', '/moved', '/denied']) await get(t.engine, path);
      const { traffic, samples } = await telemetry(3);
      const by = (id: string) => traffic.find(({ routeId }) => routeId === id);
      expect(by('route_a')).toMatchObject({
        poolId: 'pool_a',
        backendId: null,
        statusClasses: [0, 0, 0, 0, 1],
      });
      expect(by('route_moved')).toMatchObject({
        poolId: null,
        backendId: null,
        statusClasses: [0, 0, 1, 0, 0],
      });
      expect(by('route_denied')).toMatchObject({
        poolId: null,
        backendId: null,
        statusClasses: [0, 0, 0, 1, 0],
      });
      const error = samples.find(({ status }) => status >= 500)!;
      expect(error).toMatchObject({
        tenantId: 'tenant_a',
        routeId: 'route_a',
        method: 'GET',
        path: '/',
        clientAddress: '127.0.0.1',
      });
      expect(error.requestId).not.toBe('');
    });

    it('hostile paths and methods are counted like any other', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      const paths = ['/"},{"t":"tenant_b"', "/';--", '/%00%0a', '/\\u0000', `/${'x'.repeat(6000)}`];
      for (const path of paths) {
        await raw(t.engine, `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`);
      }
      await raw(t.engine, "M!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
      const seen = await telemetry(paths.length);
      expect(seen.traffic.every(({ tenantId }) => tenantId === 'tenant_a')).toBe(true);
      expect(Math.max(...seen.paths.map(({ path }) => path.length))).toBeLessThanOrEqual(1024);
    });

    it('paths of a tenant are bounded; the rest is (other)', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      const agent = new Agent({ keepAlive: true });
      await Promise.all(Array.from({ length: 1300 }, (_, i) => get(t.engine, `/p-${i}x`, { agent: agent })));
      agent.destroy();
      const { paths, requests } = await telemetry(1300);
      expect(requests).toBe(1300);
      expect(paths.reduce((sum, path) => sum + path.requests, 0)).toBe(1300);
    });

    it('counts are exact while the configuration changes', async () => {
      const servers = await t.ups('a', 'b', 'c');
      await t.usePool(servers);
      const load = new Load(t.engine, 3);
      for (let i = 0; i < 8; i++) {
        await t.usePool(servers.slice(i % 2), { responseTimeoutMs: 2000 + i });
      }
      await load.stop();
      expect(load.failures).toEqual([]);
      expect((await telemetry(load.served)).requests).toBe(load.served);
    });
  });
}

export function describeFigures(t: EngineUnderTest): void {
  describe('figures', () => {
    it('requests in flight and response times are visible', async () => {
      const held: (() => void)[] = [];
      const upstream = await t.up('a', (_request, response) => {
        held.push(() => response.end());
      });
      await t.usePool([upstream]);
      const waiting = [get(t.engine), get(t.engine)];
      await until('both are held', () => held.length === 2);
      const id = `backend_${upstream.port}`;
      await until('two in flight', () => t.engine.stats().backends.get(id)?.connections === 2);
      expect(t.engine.stats().openConnections).toBeGreaterThanOrEqual(2);
      expect(t.engine.stats().requestsInFlight).toBeGreaterThanOrEqual(2);
      expect(t.engine.stats().backends.get(id)!.responseTimeMs).toBeNull();
      for (const release of held) release();
      await Promise.all(waiting);
      await until('a response time', () => t.engine.stats().backends.get(id)!.responseTimeMs !== null);
      await until('none in flight', () => t.engine.stats().backends.get(id)!.connections === 0);
    });

    it('only backends of the snapshot are listed', async () => {
      const [a, b] = await t.ups('a', 'b');
      await t.usePool([a, b]);
      await t.usePool([b]);
      expect([...t.engine.stats().backends.keys()]).toEqual([`backend_${b.port}`]);
    });
  });
}
