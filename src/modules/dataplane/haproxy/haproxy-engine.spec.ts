import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { CertificateAuthority } from '../../../../test/support/certificates.js';
import { describeWithHaproxy, removeTemporaryDirectories, temporaryDirectory } from '../contract/haproxy.js';
import {
  backendOf,
  burst,
  get,
  Load,
  NO_CHECK,
  poolOf,
  QUICK_CHECK,
  routeOf,
  sliceOf,
  snapshotOf,
  tally,
  Upstream,
  until,
} from '../contract/support.js';
import { type HealthChange, SnapshotRefused } from '../engine.js';
import type { PoolConfig, RouteConfig, RouteFeatures, Snapshot, TenantSlice } from '../snapshot.js';
import { HaproxyEngine } from './haproxy-engine.js';
import type { HaproxyEngineOptions } from './options.js';
import { ask } from './runtime-api.js';

describeWithHaproxy('HAProxy in particular', () => {
  let directory: string;
  let engine: HaproxyEngine;
  let engines: HaproxyEngine[];
  let upstreams: Upstream[];
  let version: number;

  beforeEach(async () => {
    directory = temporaryDirectory();
    engines = [];
    upstreams = await Promise.all(['a', 'b', 'c'].map((name) => Upstream.start(name)));
    version = 0;
    engine = await startEngine();
  });
  afterEach(async () => {
    for (const each of engines) await each.stop(0);
    await Promise.all(upstreams.map((upstream) => upstream.kill()));
  });
  afterAll(removeTemporaryDirectories);

  async function startEngine(options: Partial<HaproxyEngineOptions> = {}): Promise<HaproxyEngine> {
    const started = new HaproxyEngine({ directory, host: '127.0.0.1', httpPort: 0, pollMs: 100, ...options });
    engines.push(started);
    await started.start();
    return started;
  }

  const snapshot = (pools: readonly PoolConfig[], routes: readonly RouteConfig[] = [routeOf()]): Snapshot =>
    snapshotOf(++version, sliceOf(pools, routes));
  const use = (pools: readonly PoolConfig[], routes?: readonly RouteConfig[]): Promise<void> =>
    engine.apply(snapshot(pools, routes));
  const all = () => upstreams.map(({ port }) => backendOf(port));
  const kill = (pid: number | null): void => {
    process.kill(pid!, 'SIGKILL');
  };
  const masterPid = async (): Promise<number> =>
    Number(/^(\d+)\s+master/m.exec(await ask(join(directory, 'master.sock'), 'show proc'))![1]);

  describe('what needs no reload', () => {
    const steady = poolOf([]);

    /** Applies both and expects the same worker afterwards. */
    async function expectSameWorker(
      before: [PoolConfig[], RouteConfig[]?],
      after: [PoolConfig[], RouteConfig[]?],
    ): Promise<void> {
      await use(...before);
      const { workerPid, reloads } = engine;
      await use(...after);
      expect({
        pid: engine.workerPid,
        reasons: engine.reloads === reloads ? [] : engine.reloadReasons,
      }).toEqual({
        pid: workerPid,
        reasons: [],
      });
    }

    it('weights', async () => {
      const pool = (weight: number) =>
        poolOf([backendOf(upstreams[0].port, { weight }), backendOf(upstreams[1].port)], {
          algorithm: 'weighted_round_robin',
        });
      await expectSameWorker([[pool(100)]], [[pool(300)]]);
      expect(Math.abs(tally(await burst(engine, 80)).a - 60)).toBeLessThanOrEqual(3);
    });

    it.each(['round_robin', 'least_connections', 'ip_hash', 'random', 'adaptive_ai'] as const)(
      'backends that come and go under %s',
      async (algorithm) => {
        const pool = (...indexes: number[]) => [
          poolOf(
            indexes.map((i) => backendOf(upstreams[i].port, { healthCheck: QUICK_CHECK })),
            { algorithm },
          ),
        ];
        await expectSameWorker([pool(0, 1)], [pool(1, 2)]);
        const froms = Array.from({ length: 40 }, (_, i) => `127.0.3.${i + 1}`);
        const names = await Promise.all(
          froms.map(async (from) => (await get(engine, '/', { from })).echo.name),
        );
        expect(new Set(names)).toEqual(new Set(['b', 'c']));
      },
    );

    it('sticky pools', async () => {
      const pool = (count: number) => [poolOf(all().slice(0, count), { stickySessions: true })];
      await expectSameWorker([pool(1)], [pool(3)]);
    });

    it.each(['draining', 'disabled', 'enabled'] as const)('the admin state %s', async (adminState) => {
      const pool = (state: 'draining' | 'disabled' | 'enabled') => [
        poolOf([backendOf(upstreams[0].port, { adminState: state }), backendOf(upstreams[1].port)]),
      ];
      await expectSameWorker([pool(adminState === 'enabled' ? 'disabled' : 'enabled')], [pool(adminState)]);
      expect(tally(await burst(engine, 4))).toEqual(adminState === 'enabled' ? { a: 2, b: 2 } : { b: 4 });
    });

    it('addresses, and paths of health checks', async () => {
      const pool = (port: number, path: string) => [
        poolOf([backendOf(port, { id: 'backend_x', healthCheck: { ...QUICK_CHECK, path } })]),
      ];
      await expectSameWorker([pool(upstreams[0].port, '/health')], [pool(upstreams[1].port, '/ready?x=1')]);
      await until('a check of the new path', () =>
        upstreams[1].requests.some(({ url }) => url === '/ready?x=1'),
      );
    });

    it('routes: new hosts, wildcards, prefixes and splits, and their end', async () => {
      const pools = [poolOf([all()[0]]), poolOf([all()[1]], { id: 'pool_b' })];
      const to = (a: number, b: number) => [
        { poolId: 'pool_a', weight: a },
        { poolId: 'pool_b', weight: b },
      ];
      await expectSameWorker(
        [pools],
        [
          pools,
          [
            routeOf({ targets: to(1, 1) }),
            routeOf({ id: 'route_w', host: '*.w.test' }),
            routeOf({ id: 'route_p', pathPrefix: '/p', targets: to(0, 1) }),
          ],
        ],
      );
      expect((await get(engine, '/', { host: 'x.w.test' })).echo.name).toBe('a');
      expect((await get(engine, '/p')).echo.name).toBe('b');
      await expectSameWorker([pools, [routeOf()]], [pools, []]);
      expect((await get(engine)).status).toBe(404);
    });

    it('the end of a pool, its routes and their rules', async () => {
      const pools = [poolOf([all()[0]]), poolOf([all()[1]], { id: 'pool_b' })];
      const extra = routeOf(
        { id: 'route_b', pathPrefix: '/b', targets: [{ poolId: 'pool_b', weight: 100 }] },
        {
          requestHeaders: { set: { 'x-b': '1' } },
          match: [{ in: 'header', name: 'x-go' }],
          ipDeny: ['10.0.0.0/8'],
        },
      );
      await expectSameWorker([pools, [routeOf(), extra]], [[pools[0]], [routeOf()]]);
      expect((await get(engine, '/b', { headers: { 'x-go': '1' } })).echo).toMatchObject({
        name: 'a',
        url: '/b',
      });
    });

    it.each<[string, RouteFeatures, RouteFeatures]>([
      [
        'values of header rules',
        { requestHeaders: { set: { 'x-a': '1' } } },
        { requestHeaders: { set: { 'x-a': '2 ;\\ "' } } },
      ],
      ['address lists', { ipDeny: ['10.0.0.0/8'] }, { ipDeny: ['11.0.0.0/8', '::1'] }],
      [
        'targets of redirects',
        { redirect: { status: 302, location: '/a' } },
        { redirect: { status: 302, location: '/b' } },
      ],
      ['rewritten prefixes', { rewritePrefix: '/a' }, { rewritePrefix: '/b' }],
    ])('%s', async (_what, before, after) => {
      const pool = poolOf([all()[0]]);
      await expectSameWorker([[pool], [routeOf({}, before)]], [[pool], [routeOf({}, after)]]);
    });

    it('a pool without backends', async () => {
      await expectSameWorker([[poolOf(all())]], [[poolOf(all()), { ...steady, id: 'pool_new' }]]);
    });

    it('names of backends are resolved, and followed', async () => {
      await use([poolOf([backendOf(upstreams[0].port, { host: 'localhost' })])]);
      expect((await get(engine)).echo.name).toBe('a');
      await use([
        poolOf([backendOf(upstreams[0].port, { host: 'does-not-exist.invalid', healthCheck: QUICK_CHECK })]),
      ]);
      expect((await get(engine)).status).toBe(503);
      await until('that is said', () => {
        const { health, lastError } = engine.stats().backends.get(`backend_${upstreams[0].port}`)!;
        return health === 'unhealthy' && lastError !== null;
      });
    });
  });

  describe('reloads', () => {
    it.each<[string, Partial<PoolConfig>]>([
      ['another algorithm', { algorithm: 'least_connections' }],
      ['another timeout', { responseTimeoutMs: 4321 }],
      ['a new pool', { id: 'pool_b' }],
      ['another health check', { backends: [] }],
    ])('%s takes one and says why', async (what, change) => {
      await use([poolOf(all())]);
      const { workerPid, reloads } = engine;
      const backends =
        what === 'another health check'
          ? upstreams.map(({ port }) => backendOf(port, { healthCheck: { ...QUICK_CHECK, rise: 3 } }))
          : all().map((backend) => ({ ...backend, id: change.id ? `${backend.id}_2` : backend.id }));
      const changed = poolOf(backends, { ...change, backends });
      await use(change.id ? [poolOf(all()), changed] : [changed]);
      expect(engine.reloads).toBe(reloads + 1);
      expect(engine.workerPid).not.toBe(workerPid);
      expect(engine.reloadReasons.join()).not.toBe('');
    });

    it('a hundred changes at once cost one, and the newest is what runs', async () => {
      await use([poolOf(all())]);
      const { reloads } = engine;
      const changes = Array.from({ length: 100 }, (_, i) =>
        use([poolOf(all(), { responseTimeoutMs: 5000 + i })], [routeOf({ host: `h${i}.test` })]),
      );
      await Promise.all(changes);
      expect(engine.reloads).toBe(reloads + 1);
      expect((await get(engine, '/', { host: 'h99.test' })).status).toBe(200);
      expect((await get(engine, '/', { host: 'h98.test' })).status).toBe(404);
      expect(engine.health().version).toBe(version);
    });

    it('a hundred changes that follow each other within a second cost few', async () => {
      await use([poolOf(all())]);
      const { reloads } = engine;
      const changes: Promise<void>[] = [];
      for (let i = 0; i < 100; i++) {
        changes.push(use([poolOf(all(), { responseTimeoutMs: 6000 + i })]));
        await get(engine);
      }
      await Promise.all(changes);
      expect(engine.reloads - reloads).toBeLessThanOrEqual(3);
    });

    it('under load they cost no request, on new and on kept connections', async () => {
      await use([poolOf(all())]);
      const agents = Array.from({ length: 3 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
      const load = new Load(engine, 6, (client) => (client < 3 ? { agent: agents[client] } : {}));
      const { reloads } = engine;
      for (let i = 0; i < 12; i++) await use([poolOf(all(), { responseTimeoutMs: 7000 + i })]);
      const { served } = load;
      await until('traffic after the last one', () => load.served > served + 20);
      await load.stop();
      for (const agent of agents) agent.destroy();
      expect(engine.reloads - reloads).toBe(12);
      expect(load.failures).toEqual([]);
    });

    it('a backend that is down stays out through one', async () => {
      const check = { ...QUICK_CHECK, fall: 1, intervalMs: 200 };
      const pool = (changes: Partial<PoolConfig>) => [
        poolOf(
          upstreams.map(({ port }) => backendOf(port, { healthCheck: check })),
          changes,
        ),
      ];
      await use(pool({}));
      const id = `backend_${upstreams[0].port}`;
      upstreams[0].health = 500;
      await until('unhealthy', () => engine.stats().backends.get(id)?.health === 'unhealthy');
      const { requests } = upstreams[0];
      const before = requests.length;
      const changes: HealthChange[] = [];
      engine.onHealthChange((change) => changes.push(change));
      const load = new Load(engine, 2);
      for (let i = 0; i < 5; i++) await use(pool({ responseTimeoutMs: 3000 + i }));
      await load.stop();
      expect(requests.length).toBe(before);
      // on a busy machine a check of another one may be late
      expect(changes.filter(({ backendId, to }) => backendId === id || to === 'unknown')).toEqual([]);
    });

    it('clients of ip_hash keep their backends through one', async () => {
      const pool = (responseTimeoutMs: number) => [
        poolOf(all(), { algorithm: 'ip_hash', responseTimeoutMs }),
      ];
      const ask = async () => {
        const names: string[] = [];
        for (let i = 1; i <= 20; i++)
          names.push((await get(engine, '/', { from: `127.0.4.${i}` })).echo.name);
        return names;
      };
      await use(pool(1000));
      const before = await ask();
      await use(pool(2000));
      expect(await ask()).toEqual(before);
    });
  });

  it('a snapshot that is applied before the start is what it begins with', async () => {
    const early = new HaproxyEngine({ directory: temporaryDirectory(), host: '127.0.0.1', httpPort: 0 });
    engines.push(early);
    await expect(early.apply(snapshot([], [routeOf()]))).rejects.toThrow(SnapshotRefused);
    await early.apply(snapshot([poolOf([all()[0]])]));
    await early.start();
    expect(early.health()).toMatchObject({ running: true, version: 2, lastError: null });
    expect((await get(early)).echo.name).toBe('a');
    expect(early.reloads).toBe(0);
  });

  describe('refusals', () => {
    it('what haproxy -c refuses is refused, and the last good configuration stays, on disk too', async () => {
      await engine.stop(0);
      engine = await startEngine({ httpsPort: 0 });
      await use([poolOf(all())]);
      const { workerPid } = engine;
      const file = () => readFileSync(join(directory, 'current', '00-frontend.cfg'), 'utf8');
      const before = file();
      const { leaf, privateKey } = await (await CertificateAuthority.create()).issue(['a.test']);
      const nonsense = '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n';
      const broken = { chain: leaf + nonsense, privateKey };
      const slice = {
        ...sliceOf([poolOf(all())], [routeOf()]),
        certificates: [{ id: 'cert_a', hosts: ['a.test'], ...broken }],
      };
      await expect(engine.apply(snapshotOf(++version, slice))).rejects.toThrow(SnapshotRefused);
      expect(engine.health().lastError).not.toContain(directory);
      expect(engine.workerPid).toBe(workerPid);
      expect(file()).toBe(before);
      expect((await get(engine)).status).toBe(200);
      await use([poolOf(all(), { responseTimeoutMs: 1234 })]);
      expect(engine.health().lastError).toBeNull();
    });

    describe('of one tenant', () => {
      const tenant = (name: string, more: Partial<TenantSlice> = {}): TenantSlice => ({
        ...sliceOf(
          [poolOf(all(), { id: `pool_${name}` })],
          [
            routeOf({
              id: `route_${name}`,
              host: `${name}.test`,
              targets: [{ poolId: `pool_${name}`, weight: 100 }],
              features: { match: [{ in: 'header', name: 'x-beta' }] },
            }),
          ],
          `tenant_${name}`,
        ),
        ...more,
      });
      const ask = (name: string) => get(engine, '/', { host: `${name}.test`, headers: { 'x-beta': '1' } });

      /** HAProxy, but what matches `pattern` in a file of the configuration it does not like. */
      function fastidious(pattern: string): string {
        const path = join(temporaryDirectory(), 'haproxy');
        const script = `#!/bin/sh
hit=$([ "$1" = -c ] && grep -rn -- '${pattern}' "$3" | head -n 1)
[ -z "$hit" ] && exec haproxy "$@"
echo "[ALERT]    (1) : config : parsing [$(echo "$hit" | cut -d: -f1-2)] : no." >&2
exit 1
`;
        writeFileSync(path, script, { mode: 0o755 });
        return path;
      }

      it.each([
        ['a section', 'backend pool_b'],
        ['a server', 'server backend_.* id .*check inter 77777 '],
        ['a condition', 'txn.conditional) str(route_b)'],
      ])('%s that haproxy -c does not take names the tenant', async (_what, pattern) => {
        await engine.stop(0);
        engine = await startEngine({ binary: fastidious(pattern) });
        const checked = (intervalMs: number) =>
          poolOf(
            all().map((backend) => ({ ...backend, healthCheck: { ...QUICK_CHECK, intervalMs } })),
            { id: 'pool_b' },
          );
        await engine.apply(snapshotOf(++version, tenant('a')));
        const both = snapshotOf(++version, tenant('a'), tenant('b', { pools: [checked(77_777)] }));
        await expect(engine.apply(both)).rejects.toMatchObject({ tenantId: 'tenant_b' });
        expect((await ask('a')).status).toBe(200);
      });

      it('a certificate that haproxy -c does not take names the tenant', async () => {
        await engine.stop(0);
        engine = await startEngine({ httpsPort: 0 });
        const { leaf, privateKey } = await (await CertificateAuthority.create()).issue(['b.test']);
        const chain = `${leaf}-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n`;
        const certificates = [{ id: 'cert_b', hosts: ['b.test'], chain, privateKey }];
        await engine.apply(snapshotOf(++version, tenant('a'), tenant('b')));
        const renamed = { ...tenant('a'), routes: [routeOf({ ...tenant('a').routes[0], host: 'new.test' })] };
        const both = snapshotOf(++version, renamed, tenant('b', { certificates }));
        await expect(engine.apply(both)).rejects.toMatchObject({ tenantId: 'tenant_b' });
        await engine.apply(snapshotOf(++version, renamed, tenant('b')));
        expect([(await ask('new')).status, (await ask('a')).status]).toEqual([200, 404]);
      });

      it('at the start is left out until it is another one; the others are served', async () => {
        await engine.stop(0);
        engine = new HaproxyEngine({
          directory,
          host: '127.0.0.1',
          httpPort: 0,
          binary: fastidious('inter 77777 '),
        });
        engines.push(engine);
        const checked = (intervalMs: number) =>
          all().map((backend) => ({ ...backend, healthCheck: { ...QUICK_CHECK, intervalMs } }));
        const bad = tenant('b', { pools: [poolOf(checked(77_777), { id: 'pool_b' })] });
        const good = tenant('b', { pools: [poolOf(checked(66_666), { id: 'pool_b' })] });
        await engine.apply(snapshotOf(1, tenant('a'), bad));
        await engine.start();
        expect(engine.health().lastError).toContain('no.');
        expect((await ask('a')).status).toBe(200);
        expect((await ask('b')).status).toBe(404);
        await engine.apply(snapshotOf(2, tenant('a'), bad, tenant('c')));
        expect((await ask('c')).status).toBe(200);
        expect((await ask('b')).status).toBe(404);
        await engine.apply(snapshotOf(3, tenant('a'), good, tenant('c')));
        expect((await ask('b')).status).toBe(200);
        expect(engine.health()).toMatchObject({ version: 3, lastError: null });
      });
    });

    it('an older snapshot that waits gets its turn when the newer one is refused', async () => {
      await use([poolOf(all())]);
      const good = use([poolOf(all(), { responseTimeoutMs: 1111 })]);
      const bad = use([poolOf(all(), { id: 'pool a;b' })], []);
      await expect(bad).rejects.toThrow(SnapshotRefused);
      await good;
      expect(engine.health()).toMatchObject({ version: 2 });
    });

    it('a directory without a usable binary refuses to start', async () => {
      const broken = new HaproxyEngine({
        directory: temporaryDirectory(),
        host: '127.0.0.1',
        httpPort: 0,
        binary: '/nonexistent/haproxy',
      });
      await expect(broken.start()).rejects.toThrow('not installed');
    });
  });

  describe('faults', () => {
    it.each(['worker', 'master'])(
      'kill -9 of the %s: it is back with the current configuration',
      async (which) => {
        await use([poolOf([all()[0]])]);
        await use([poolOf([all()[1]])], [routeOf({ host: 'late.test' })]);
        const { workerPid } = engine;
        kill(which === 'worker' ? workerPid : await masterPid());
        await until('its end is noticed', () => engine.workerPid !== workerPid);
        await until(
          'it is back',
          async () => (await get(engine, '/', { host: 'late.test' }).catch(() => null))?.status === 200,
        );
        expect((await get(engine, '/', { host: 'late.test' })).echo.name).toBe('b');
        await until('it is known to run', () => engine.health().lastError === null);
        expect(engine.health()).toMatchObject({ running: true, version: 2 });
        await use([poolOf([all()[2]])]);
        expect((await get(engine)).echo.name).toBe('c');
      },
    );

    it('a snapshot that comes while HAProxy is down is in effect when it is back', async () => {
      await use([poolOf([all()[0]])]);
      kill(engine.workerPid);
      await use([poolOf([all()[1]])]);
      expect((await get(engine)).echo.name).toBe('b');
    });

    it('when the control plane goes, HAProxy carries on; the next one adopts it without closing the door', async () => {
      await use([poolOf([all()[0]])]);
      const master = await masterPid();
      const { http } = engine.health().ports;
      const load = new Load(engine, 3);
      engine.detach();
      await until('traffic without us', () => load.served > 50);
      engine = await startEngine();
      expect(engine.health().ports.http).toBe(http);
      expect((await get(engine)).echo.name).toBe('a');
      await use([poolOf([all()[1]])]);
      expect((await get(engine)).echo.name).toBe('b');
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(await masterPid()).toBe(master);
      // Adopted, it is watched like a child.
      kill(engine.workerPid);
      await until('it is back', async () => (await get(engine).catch(() => null))?.status === 200);
    });

    it('a lost runtime socket costs a reload, not the change', async () => {
      await use([poolOf([all()[0]])]);
      const { reloads } = engine;
      for (const name of readdirSync(directory).filter((entry) => entry.startsWith('stats.'))) {
        execFileSync('rm', [join(directory, name)]);
      }
      await use([poolOf([all()[1]])]);
      expect(engine.reloads).toBe(reloads + 1);
      expect((await get(engine)).echo.name).toBe('b');
    });

    it('one that somebody else started is used, and left alone at the end', async () => {
      await engine.stop(0);
      directory = temporaryDirectory();
      engine = await startEngine({ mode: 'attach' });
      expect(engine.health().running).toBe(false);
      const applied = use([poolOf([all()[0]])]);
      const current = join(directory, 'current');
      await until('something to start with', () => existsSync(current));
      const args = ['-W', '-S', join(directory, 'master.sock'), '-f', current];
      const external: ChildProcess = spawn('haproxy', args, { stdio: 'ignore' });
      try {
        await applied;
        expect((await get(engine)).echo.name).toBe('a');
        await engine.stop(0);
        expect((await get(engine)).echo.name).toBe('a');
      } finally {
        external.kill('SIGKILL');
      }
    });

    it('a long directory name does not matter to its sockets', async () => {
      await engine.stop(0);
      directory = join(temporaryDirectory(), 'x'.repeat(100));
      engine = await startEngine();
      await use([poolOf([all()[0]])]);
      expect((await get(engine)).echo.name).toBe('a');
    });
  });

  it('a backend that requests find dead is ejected before a check does', async () => {
    const check = { ...QUICK_CHECK, intervalMs: 60_000 };
    await use([poolOf(upstreams.map(({ port }) => backendOf(port, { healthCheck: check })))]);
    const id = `backend_${upstreams[0].port}`;
    await until('the first check', () => engine.stats().backends.get(id)?.health === 'healthy');
    await upstreams[0].kill();
    await until('ejected', async () => (await get(engine)) && engine.stats().backends.get(id)!.ejected);
    expect(engine.stats().backends.get(id)).toMatchObject({ health: 'unhealthy' });
  });

  describe('measured weights', () => {
    it('a slow backend of least_response_time loses weight without a reload', async () => {
      await engine.stop(0);
      engine = await startEngine({ weightStepMs: 150 });
      const slow = await Upstream.start('slow', (_request, response) => {
        setTimeout(() => response.setHeader('x-upstream', 'slow').end(), 60);
      });
      upstreams.push(slow);
      await use([poolOf([backendOf(slow.port), all()[0]], { algorithm: 'least_response_time' })]);
      const { reloads } = engine;
      const load = new Load(engine, 4);
      const weight = async (port: number): Promise<number> => {
        const [socket] = readdirSync(directory).filter((name) => name.startsWith('stats.'));
        const answer = await ask(join(directory, socket), `get weight pool_a/backend_${port}`);
        return Number.parseInt(answer, 10);
      };
      await until('the weights differ', async () => {
        const [a, b] = await Promise.all([weight(slow.port), weight(upstreams[0].port)]);
        return a > 0 && b > 4 * a;
      });
      await load.stop();
      expect(engine.reloads).toBe(reloads);
      expect(load.failures).toEqual([]);
    });
  });

  it('a first check does not wait for the longest interval there is', async () => {
    const pool = (id: string, port: number, intervalMs: number): PoolConfig =>
      poolOf([backendOf(port, { id: `backend_${id}`, healthCheck: { ...QUICK_CHECK, intervalMs } })], {
        id: `pool_${id}`,
      });
    const slow = Array.from({ length: 5 }, (_, i) => pool(`slow_${i}`, upstreams[0].port, 60_000));
    const quick = [...slow, pool('quick', upstreams[1].port, 200)];
    await use(quick, []);
    await until('every first check', () =>
      [...engine.stats().backends.values()].every(({ health }) => health === 'healthy'),
    );
  });

  it('a check that differs from the others of its pool follows its own rules, also after a change', async () => {
    const odd = {
      ...NO_CHECK,
      enabled: true,
      expectedStatus: 404,
      path: '/nope',
      intervalMs: 100,
      timeoutMs: 700,
    };
    const oddUp = await Upstream.start('odd', (request, response) =>
      response.writeHead(request.url === '/nope' ? 404 : 200).end(),
    );
    upstreams.push(oddUp);
    const pool = (weight: number) => [
      poolOf([
        backendOf(upstreams[0].port, { healthCheck: QUICK_CHECK }),
        backendOf(upstreams[1].port, { healthCheck: QUICK_CHECK }),
        backendOf(oddUp.port, { healthCheck: odd, weight }),
      ]),
    ];
    await use(pool(1));
    const health = () => engine.stats().backends.get(`backend_${oddUp.port}`)?.health;
    await until('healthy', () => health() === 'healthy');
    await oddUp.kill();
    await until('unhealthy', () => health() === 'unhealthy');
    const statuses = (await burst(engine, 8)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});
