import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import {
  backendConfig,
  call,
  deadPort,
  NO_CHECKS,
  poolConfig,
  routeConfig,
  sliceOf,
  snapshotOf,
  until,
} from '../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../test/support/engine-harness.js';
import { SnapshotRefused } from '../engine.js';
import type { Snapshot, TenantSlice } from '../snapshot.js';

describe('the embedded engine', () => {
  let harness: EngineHarness;

  beforeEach(async () => {
    harness = new EngineHarness();
    await harness.start();
  });
  afterEach(() => harness.close());

  const slice = (tenantId: string, port: number, host = `${tenantId}.example.com`): TenantSlice =>
    sliceOf(
      tenantId,
      [poolConfig(`${tenantId}-p`, [backendConfig(`${tenantId}-b`, port)])],
      [routeConfig(`${tenantId}-r`, host, `${tenantId}-p`)],
    );

  describe('taking snapshots', () => {
    it('knows no host before the first', async () => {
      expect((await harness.call()).status).toBe(404);
      expect(harness.engine.health()).toEqual({
        running: true,
        version: 0,
        lastError: null,
        ports: { http: harness.port, https: null },
      });
      expect(harness.engine.drainTelemetry().unknownHostRequests).toBe(1);
    });

    it('reports the version in effect and ignores an older or equal one', async () => {
      const one = await harness.upstream('one');
      const two = await harness.upstream('two');
      await harness.engine.apply(snapshotOf(5, slice('a', one.port)));
      await harness.engine.apply(snapshotOf(4, slice('a', two.port)));
      await harness.engine.apply(snapshotOf(5, slice('a', two.port)));
      expect(harness.engine.health().version).toBe(5);
      expect((await harness.call('/', {}, 'a.example.com')).body).toBe('one');
    });

    it('concurrent calls end with the newest', async () => {
      const ports = await Promise.all(
        ['1', '2', '3'].map(async (name) => (await harness.upstream(name)).port),
      );
      await Promise.all(
        [2, 3, 1].map((version) => harness.engine.apply(snapshotOf(version, slice('a', ports[version - 1])))),
      );
      expect(harness.engine.health().version).toBe(3);
      expect((await harness.call('/', {}, 'a.example.com')).body).toBe('3');
    });

    const change = (good: TenantSlice, pools: object, routes: object): Snapshot =>
      snapshotOf(2, { ...good, ...pools, ...routes } as TenantSlice);

    it.each<[string, (good: TenantSlice) => Snapshot, RegExp]>([
      [
        'a dangling pool',
        (s) => change(s, { pools: [] }, {}),
        /route a-r points to the pool a-p, which is not there/,
      ],
      [
        'a repeated route',
        (s) => change(s, {}, { routes: [...s.routes, { ...s.routes[0], id: 'r2' }] }),
        /route r2 repeats/,
      ],
      [
        'a repeated route by another spelling',
        (s) =>
          change(
            s,
            {},
            { routes: ['/v1', '/v1/'].map((pathPrefix, i) => ({ ...s.routes[0], id: `r${i}`, pathPrefix })) },
          ),
        /route r1 repeats/,
      ],
      [
        'a bad port',
        (s) => change(s, { pools: [poolConfig('a-p', [backendConfig('b', 70_000)])] }, {}),
        /backend b has a port/,
      ],
      [
        'a bad weight',
        (s) => change(s, { pools: [poolConfig('a-p', [backendConfig('b', 1, { weight: 0 })])] }, {}),
        /weight/,
      ],
      [
        'a bad host',
        (s) => change(s, {}, { routes: [{ ...s.routes[0], host: 'A B' }] }),
        /route a-r has no valid/,
      ],
      [
        'a backend twice',
        (s) => change(s, { pools: [...s.pools, { ...s.pools[0], id: 'p2' }] }, {}),
        /backend a-b is there twice/,
      ],
      [
        'a host of another tenant',
        (s) => snapshotOf(2, s, slice('b', 1, 'a.example.com')),
        /host a.example.com belongs to another/,
      ],
    ])('refuses %s, says why and keeps the last good one', async (_name, make, message) => {
      const upstream = await harness.upstream('one');
      const good = slice('a', upstream.port);
      await harness.engine.apply(snapshotOf(1, good));
      const refused = harness.engine.apply(make(good));
      await expect(refused).rejects.toThrow(SnapshotRefused);
      await expect(refused).rejects.toThrow(message);
      expect(harness.engine.health()).toMatchObject({
        version: 1,
        lastError: expect.stringMatching(message),
      });
      expect((await harness.call('/', {}, 'a.example.com')).body).toBe('one');
      await harness.engine.apply(snapshotOf(3, good));
      expect(harness.engine.health()).toMatchObject({ version: 3, lastError: null });
    });

    it('a host may move from one tenant to another, and a removed tenant is gone', async () => {
      const one = await harness.upstream('one');
      const two = await harness.upstream('two');
      await harness.engine.apply(snapshotOf(1, slice('a', one.port), slice('b', two.port)));
      await harness.engine.apply(
        snapshotOf(2, slice('a', one.port, 'b.example.com'), slice('b', two.port, 'a.example.com')),
      );
      expect((await harness.call('/', {}, 'b.example.com')).body).toBe('one');
      await harness.engine.apply(snapshotOf(3, slice('b', two.port, 'a.example.com')));
      expect((await harness.call('/', {}, 'b.example.com')).status).toBe(404);
      expect((await harness.call('/', {}, 'a.example.com')).body).toBe('two');
      expect([...harness.engine.stats().backends.keys()]).toEqual(['b-b']);
    });

    it('a host that its tenant gives up is gone', async () => {
      const one = await harness.upstream('one');
      await harness.engine.apply(snapshotOf(1, slice('a', one.port, 'old.example.com')));
      await harness.engine.apply(snapshotOf(2, slice('a', one.port, 'new.example.com')));
      expect((await harness.call('/', {}, 'old.example.com')).status).toBe(404);
      expect((await harness.call('/', {}, 'new.example.com')).body).toBe('one');
    });

    it('a backend that stays keeps its connections and figures when its pool changes', async () => {
      const one = await harness.upstream('one');
      await harness.serve([backendConfig('b1', one.port)]);
      await harness.call();
      await harness.serve([backendConfig('b1', one.port, { weight: 7 })], { algorithm: 'adaptive_ai' });
      await harness.call();
      expect(one.connections).toBe(1);
      expect(harness.engine.stats().backends.get('b1')?.responseTimeMs).not.toBeNull();
    });

    it('200 changes under load fail no request', async () => {
      const ups = await Promise.all(['0', '1', '2'].map((name) => harness.upstream(name)));
      const backends = ups.map((upstream, i) => backendConfig(`b${i}`, upstream.port));
      await harness.serve(backends);
      const bad: number[] = [];
      let answered = 0;
      let stop = false;
      const worker = async (): Promise<void> => {
        while (!stop) {
          const { status } = await harness.call('/', { method: 'POST', body: 'x' });
          answered++;
          if (status !== 200) bad.push(status);
        }
      };
      const workers = Array.from({ length: 4 }, worker);
      const algorithms = [
        'least_connections',
        'random',
        'ip_hash',
        'adaptive_ai',
        'weighted_round_robin',
      ] as const;
      for (let i = 0; i < 200; i++) {
        const some = backends.filter((_, k) => k !== i % 3).map((backend) => ({ ...backend, weight: 1 + i }));
        await harness.serve(some, { algorithm: algorithms[i % 5] });
        const before = answered;
        await until('a request', () => answered > before);
      }
      stop = true;
      await Promise.all(workers);
      expect(bad).toEqual([]);
    });
  });

  describe('taking backends out', () => {
    const slow = async (): Promise<{
      port: number;
      sockets: Set<Socket>;
      received: () => boolean;
      finish: () => void;
    }> => {
      const waiting: (() => void)[] = [];
      const { port, sockets } = await harness.upstream('slow', (_request, response) =>
        waiting.push(() => response.end('slow')),
      );
      const finish = (): void => waiting.splice(0).forEach((end) => void end());
      return { port, sockets, received: () => waiting.length > 0, finish };
    };

    it.each(['draining', 'disabled'] as const)(
      '%s: finishes what it has, gets nothing new',
      async (adminState) => {
        const old = await slow();
        const other = await harness.upstream('other');
        await harness.serve([backendConfig('b1', old.port)]);
        const inFlight = harness.call();
        await until('the request', old.received);
        await harness.serve([backendConfig('b1', old.port, { adminState }), backendConfig('b2', other.port)]);
        for (let i = 0; i < 4; i++) expect((await harness.call()).body).toBe('other');
        old.finish();
        expect((await inFlight).body).toBe('slow');
      },
    );

    it('removed: requests in flight finish, then its connections close', async () => {
      const old = await slow();
      const other = await harness.upstream('other');
      await harness.serve([backendConfig('b1', old.port)]);
      const inFlight = harness.call();
      await until('the request', old.received);
      await harness.serve([backendConfig('b2', other.port)]);
      expect(harness.engine.stats().backends.has('b1')).toBe(false);
      old.finish();
      expect((await inFlight).body).toBe('slow');
      await until('its connections to close', () => old.sockets.size === 0);
    });

    it('the idle connections of a removed backend close', async () => {
      const one = await harness.upstream('one');
      await harness.serve([backendConfig('b1', one.port)]);
      await harness.call();
      expect(one.sockets.size).toBe(1);
      await harness.apply([], []);
      await until('the close', () => one.sockets.size === 0);
    });
  });

  describe('sticky sessions', () => {
    const cookieOf = (headers: { 'set-cookie'?: string[] }): string =>
      headers['set-cookie']![0].split(';')[0];

    it('keep a client on its backend by an opaque HttpOnly cookie that is set once', async () => {
      const ups = await Promise.all(['0', '1', '2'].map((name) => harness.upstream(name)));
      await harness.serve(
        ups.map(({ port }, i) => backendConfig(`b${i}`, port)),
        { stickySessions: true },
      );
      const first = await harness.call();
      expect(first.headers['set-cookie']).toEqual([
        expect.stringMatching(/^VFSRV-[0-9a-f]{8}=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/),
      ]);
      for (let i = 0; i < 6; i++) {
        const again = await harness.call('/', { headers: { cookie: `a=1; ${cookieOf(first.headers)}` } });
        expect(again.body).toBe(first.body);
        expect(again.headers['set-cookie']).toBeUndefined();
      }
    });

    it.each(['draining', 'gone', 'dead'])(
      'move on when the backend is %s, and get a new cookie',
      async (how) => {
        const one = await harness.upstream('one');
        const two = await harness.upstream('two');
        await harness.serve([backendConfig('b1', one.port)], { stickySessions: true });
        const cookie = cookieOf((await harness.call()).headers);
        const left =
          how === 'gone'
            ? []
            : [backendConfig('b1', one.port, { adminState: how === 'draining' ? 'draining' : 'enabled' })];
        if (how === 'dead') await one.close();
        await harness.serve([...left, backendConfig('b2', two.port)], { stickySessions: true });
        const moved = await harness.call('/', { headers: { cookie } });
        expect(moved.body).toBe('two');
        expect(cookieOf(moved.headers)).not.toBe(cookie);
      },
    );
  });

  describe('stopping', () => {
    it('closes idle connections at once, finishes requests in flight with Connection: close, and accepts no more', async () => {
      let finish: () => void = () => undefined;
      const upstream = await harness.upstream('one', (request, response) => {
        if (request.url === '/slow') finish = () => response.end('done');
        else response.end('ok');
      });
      await harness.serve([backendConfig('b1', upstream.port)]);
      const fresh = harness.client();
      const idle = harness.client();
      idle.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      await idle.receives('ok');
      const busy = harness.client();
      busy.send(`GET /slow HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      await until('the request', () => upstream.requests.length === 2);
      const { port } = harness;
      const stopped = harness.engine.stop(10_000);
      await idle.isClosed();
      await fresh.isClosed();
      await expect(call(port, HOST)).rejects.toThrow('ECONNREFUSED');
      finish();
      await busy.receives('done');
      expect(busy.text).toContain('Connection: close');
      await stopped;
      expect(harness.engine.health().running).toBe(false);
      await until('upstream connections to close', () => upstream.sockets.size === 0);
    });

    it('cuts what is still there at the deadline', async () => {
      const upstream = await harness.upstream('one', () => undefined);
      await harness.serve([backendConfig('b1', upstream.port)]);
      const never = harness.call();
      await until('the request', () => upstream.requests.length === 1);
      const failed = expect(never).rejects.toThrow();
      await harness.engine.stop(20);
      await failed;
    });
  });

  describe('telemetry', () => {
    it('hands out each figure once, by route, pool and backend, with exact bytes', async () => {
      const upstream = await harness.upstream('one', (request, response) => {
        response.statusCode = request.url!.startsWith('/bad') ? 500 : 200;
        request.pipe(response);
      });
      await harness.serve([backendConfig('b1', upstream.port)]);
      const client = harness.client();
      const sent = [
        `POST /orders/17?secret=1 HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 5\r\n\r\nhello`,
        `POST /orders/18 HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\nabc`,
        `POST /bad HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\nxyz`,
      ];
      for (const [i, text] of sent.entries()) {
        client.send(text);
        await client.receives(['hello', 'abc', 'xyz'][i]);
        await until('the end of the answer', () => harness.engine.stats().requestsInFlight === 0);
      }
      const batch = harness.engine.drainTelemetry();
      expect(batch.traffic).toEqual([
        expect.objectContaining({
          tenantId: 't1',
          routeId: 'r1',
          poolId: 'p1',
          backendId: 'b1',
          requests: 3,
          statusClasses: [0, 2, 0, 0, 1],
        }),
      ]);
      const [traffic] = batch.traffic;
      expect(traffic.bytesIn).toBe(sent.join('').length);
      expect(traffic.bytesOut).toBe(client.text.length);
      expect(traffic.latencyBuckets.reduce((a, b) => a + b)).toBe(3);
      expect(batch.paths).toMatchObject([
        { path: '/orders/{id}', requests: 2, errors: 0 },
        { path: '/bad', requests: 1, errors: 1 },
      ]);
      expect(batch.samples.map(({ path, status, clientAddress }) => [path, status, clientAddress])).toEqual([
        ['/orders/17', 200, '127.0.0.1'],
        ['/orders/18', 200, '127.0.0.1'],
        ['/bad', 500, '127.0.0.1'],
      ]);
      expect(harness.engine.drainTelemetry()).toEqual({
        traffic: [],
        paths: [],
        samples: [],
        unknownHostRequests: 0,
      });
      client.send(sent[1]);
      await client.receives(/abc[\s\S]*abc/);
      await until('the end of the answer', () => harness.engine.stats().requestsInFlight === 0);
      expect(harness.engine.drainTelemetry().traffic).toMatchObject([
        { requests: 1, statusClasses: [0, 1, 0, 0, 0] },
      ]);
    });

    it('names no backend when none answered, and keeps figures of a route that is replaced', async () => {
      await harness.serve([backendConfig('b1', await deadPort())]);
      await harness.call();
      await harness.serve([backendConfig('b1', 1, { adminState: 'disabled' })]);
      await harness.call();
      const { traffic } = harness.engine.drainTelemetry();
      const totals = traffic.map(({ routeId, poolId, backendId, requests, statusClasses }) => [
        routeId,
        poolId,
        backendId,
        requests,
        statusClasses[4],
      ]);
      expect(totals).toEqual([
        ['r1', 'p1', null, 1, 1],
        ['r1', 'p1', null, 1, 1],
      ]);
    });

    it('counts connections and requests in flight', async () => {
      let finish: () => void = () => undefined;
      const upstream = await harness.upstream('one', (_request, response) => (finish = () => response.end()));
      await harness.serve([backendConfig('b1', upstream.port)]);
      const outgoing = httpRequest({
        host: '127.0.0.1',
        port: harness.port,
        headers: { host: HOST },
        agent: false,
      });
      outgoing.end();
      await until('the request', () => upstream.requests.length === 1);
      const { backends, ...totals } = harness.engine.stats();
      expect(totals).toEqual({ openConnections: 1, requestsInFlight: 1 });
      expect(backends.get('b1')?.connections).toBe(1);
      finish();
      await until('the end', () => harness.engine.stats().requestsInFlight === 0);
      expect(harness.engine.stats().backends.get('b1')?.connections).toBe(0);
    });
  });

  it('checks 2,000 backends without being stopped by it', async () => {
    const upstream = await harness.upstream('one');
    const healthCheck = { ...NO_CHECKS, enabled: true, intervalMs: 600_000, timeoutMs: 5_000 };
    const backends = Array.from({ length: 2_000 }, (_, i) =>
      backendConfig(`b${i}`, upstream.port, { healthCheck }),
    );
    await harness.serve(backends);
    expect((await harness.call()).status).toBe(200);
    const states = (): number =>
      [...harness.engine.stats().backends.values()].filter(({ health }) => health === 'healthy').length;
    await until('all healthy', () => states() === 2_000, 20_000);
  });
});
