import { Agent } from 'node:http';
import { type HealthChange } from '../engine.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, burst, get, Load, poolOf, QUICK_CHECK, tally, Upstream, until } from './support.js';

export function describeHealth(t: EngineUnderTest): void {
  describe('health', () => {
    it('active checks take a backend out and bring it back', async () => {
      const servers = await t.ups('a', 'b');
      const changes: HealthChange[] = [];
      t.engine.onHealthChange((change) => changes.push(change));
      await t.use([poolOf(servers.map(({ port }) => backendOf(port, { healthCheck: QUICK_CHECK })))]);
      const id = `backend_${servers[0].port}`;
      const health = () => t.engine.stats().backends.get(id)?.health;
      await until('healthy', () => health() === 'healthy');
      servers[0].health = 500;
      await until('unhealthy', () => health() === 'unhealthy');
      expect(tally(await burst(t.engine, 10))).toEqual({ b: 10 });
      expect(changes.at(-1)).toMatchObject({
        tenantId: 'tenant_a',
        poolId: 'pool_a',
        backendId: id,
        to: 'unhealthy',
      });
      expect(changes.at(-1)!.reason).not.toBe('');
      expect(t.engine.stats().backends.get(id)!.lastError).not.toBeNull();
      servers[0].health = 200;
      await until('healthy again', () => health() === 'healthy');
      await until('traffic again', async () => (await get(t.engine)).echo.name === 'a');
      expect(changes.at(-1)).toMatchObject({ backendId: id, from: 'unhealthy', to: 'healthy' });
    });

    it('each backend is checked by its own path and status', async () => {
      const teapot = await t.up('teapot', (_request, response) => response.writeHead(418).end());
      const [plain, wrong] = await t.ups('plain', 'wrong');
      const check = (changes: object) => ({ healthCheck: { ...QUICK_CHECK, ...changes } });
      await t.use([
        poolOf([
          backendOf(teapot.port, check({ path: '/tea', expectedStatus: 418 })),
          backendOf(plain.port, check({})),
          backendOf(wrong.port, check({ path: '/', expectedStatus: 204 })),
        ]),
      ]);
      const health = (upstream: Upstream) =>
        t.engine.stats().backends.get(`backend_${upstream.port}`)?.health;
      await until(
        'results',
        () => health(teapot) === 'healthy' && health(plain) === 'healthy' && health(wrong) === 'unhealthy',
      );
      expect(teapot.requests[0].url).toBe('/tea');
      const names = new Set(
        (await burst(t.engine, 8)).map(({ headers, status }) => headers['x-upstream'] ?? status),
      );
      expect(names).toEqual(new Set(['plain', 418]));
    });

    it('a backend without checks is unknown and used', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      expect((await get(t.engine)).status).toBe(200);
      expect(t.engine.stats().backends.get(`backend_${a.port}`)).toMatchObject({
        health: 'unknown',
        ejected: false,
      });
    });

    it('a killed backend costs idempotent requests nothing', async () => {
      const servers = await t.ups('a', 'b', 'c');
      await t.use([
        poolOf(
          servers.map(({ port }) => backendOf(port, { healthCheck: { ...QUICK_CHECK, intervalMs: 2000 } })),
        ),
      ]);
      const agent = new Agent({ keepAlive: true });
      const load = new Load(t.engine, 4, (client) => (client % 2 ? { agent } : {}));
      await until('traffic', () => load.served > 20);
      await servers[0].kill();
      const served = load.served;
      await until('more traffic', () => load.served > served + 60);
      await load.stop();
      agent.destroy();
      expect(load.failures).toEqual([]);
    });

    it('a POST is never sent twice once a backend has it', async () => {
      const seen: string[] = [];
      const cutting = await t.up('cutting', (request) => {
        seen.push(request.url!);
        request.socket.destroy();
      });
      await t.usePool([cutting], { retries: 3 });
      const posted = await get(t.engine, '/pay', { method: 'POST', body: 'x' }).catch(() => ({
        status: 502,
      }));
      expect([502, 503]).toContain(posted.status);
      expect(seen).toEqual(['/pay']);
    });

    it('all backends gone is 503 with a JSON body', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a], { retries: 0 });
      await a.kill();
      const { status, body } = await get(t.engine);
      expect(status).toBe(503);
      expect(JSON.parse(body)).toMatchObject({ error: true });
    });

    it('a backend that does not answer in time is 504', async () => {
      const upstream = await t.up('a', () => {});
      await t.usePool([upstream], { responseTimeoutMs: 200, retries: 0 });
      const { status, body } = await get(t.engine);
      expect(status).toBe(504);
      expect(JSON.parse(body)).toMatchObject({ error: true });
    });
  });
}
