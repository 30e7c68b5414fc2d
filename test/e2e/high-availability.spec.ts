import { existsSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { caller } from '../support/api.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { figure } from '../support/figures.js';
import { LiveSocket } from '../support/live.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  unique,
  until,
} from '../support/server.js';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.js';

const SECRETS = { JWT_SECRET: 'j'.repeat(40), ENCRYPTION_KEY: 'e'.repeat(40) };
/** Requests a minute that the nodes let a session have. */
const A_MINUTE = 120;
const LONG = process.env.VELOFLUX_LONG === '1';

/** A node of the installation on `database`; `env` may lead it there by another way. */
const startNode = (database: TestDatabase, name: string, env: Record<string, string> = {}) =>
  startServer({ env: { DATABASE_URL: database.url, NODE_NAME: name, ...SECRETS, ...env } });

interface Lease {
  holder: string;
  epoch: string;
  held: boolean;
}
const lease = async (database: TestDatabase): Promise<Lease> => {
  const [row] = await database.sql(
    `SELECT holder, epoch::text AS epoch, expires_at > clock_timestamp() AS held FROM leases WHERE name = 'leader'`,
  );
  return row as unknown as Lease;
};

/** Waits until somebody leads under a later epoch. @returns milliseconds since `since` */
async function newLeader(database: TestDatabase, after: Lease, since: number): Promise<number> {
  await until('a new leader', async () => {
    const now = await lease(database);
    return now.held && Number(now.epoch) > Number(after.epoch);
  });
  const ms = Math.round(performance.now() - since);
  expect(ms).toBeLessThan(4000);
  return ms;
}

describe('several nodes of one installation', () => {
  let database: TestDatabase;
  let nodes: TestServer[];
  let tenant: SignedInTenant;
  beforeAll(async () => {
    database = await testDatabase();
    const limits = { RATE_LIMIT_AUTHENTICATED_PER_MINUTE: String(A_MINUTE) };
    nodes = [await startNode(database, 'a', limits), await startNode(database, 'b', limits)];
    tenant = await newTenant(nodes[0]!, 'enterprise');
  }, 120_000);
  afterAll(async () => {
    await Promise.all(nodes.map((n) => n.stop()));
    await database.close();
  }, 60_000);

  it('all carry a change that one of them took', async () => {
    const upstream = createServer((_, response) => response.end('carried')).listen(0, '127.0.0.1');
    const client = nodes[0]!.client(tenant.token);
    const host = `${unique('site')}.example.com`;
    await client.POST('/api/pools', {
      body: { name: 'web', algorithm: 'round_robin', health_check: { enabled: false } },
    });
    const address = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    await client.POST('/api/backends', { body: { address, pool: 'web', weight: 1 } });
    const made = await client.POST('/api/routes', {
      body: { host, pool: 'web' },
      params: { query: { wait: 'applied' } },
    });
    expect(made.response.status).toBe(201);
    for (const node of nodes) expect(await get(node.proxy, host)).toBe(200);
    upstream.close();
  });

  it('forget a session that ended on another one, and count failed sign-ins together', async () => {
    const { token, email } = await newTenant(nodes[0]!);
    const status = async (node: TestServer) => (await node.client(token).GET('/api/profile')).response.status;
    expect(await status(nodes[1]!)).toBe(200);
    await nodes[0]!.client(token).POST('/api/auth/logout');
    await until('the other node to refuse', async () => (await status(nodes[1]!)) === 401, 5000);
    const answers: number[] = [];
    for (let i = 0; i < 6; i++) {
      const { response } = await nodes[i % 2]!.client().POST('/api/auth/login', {
        body: { email, password: `wrong-${i}-password` },
      });
      answers.push(response.status);
    }
    expect(answers).toEqual([401, 401, 401, 401, 401, 423]);
  });

  it('count the requests of a session together, without Redis', async () => {
    const admin = await adminToken(nodes[0]!);
    await until('both to be at work', async () =>
      (await nodes[0]!.client(admin).GET('/api/cluster')).data!.nodes.every((n) => n.status === 'active'),
    );
    const { token } = await newTenant(nodes[0]!);
    const pools = async (i: number, as = token) => {
      const { response } = await nodes[i % 2]!.client(as).GET('/api/pools');
      return response;
    };
    const ask = async (i: number) => (await pools(i)).status;
    // a node learns of another with its heartbeat
    await until('each node to know of the other', async () => {
      const other = (await newTenant(nodes[0]!)).token;
      await pools(0, other);
      for (let own = 1; own < A_MINUTE / 2; own++) {
        const { headers } = await pools(1, other);
        if (Number(headers.get('x-ratelimit-remaining')) < A_MINUTE - own) return true;
      }
      return false;
    });
    const statuses: number[] = [];
    for (let i = 0; i < 2 * A_MINUTE; i += 8)
      statuses.push(...(await Promise.all(Array.from({ length: 8 }, (_, k) => ask(i + k)))));
    const passed = statuses.filter((s) => s === 200).length;
    figure(`${passed} of ${statuses.length} requests at two nodes passed a limit of ${A_MINUTE}`);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(passed).toBeGreaterThanOrEqual(A_MINUTE);
    expect(passed).toBeLessThanOrEqual(A_MINUTE * 1.25);
    for (const i of [0, 1]) expect(await ask(i)).toBe(429);
  });

  it('are drained one at a time: health says so, and the others show it', async () => {
    const [first, second] = nodes as [TestServer, TestServer];
    const admin = await adminToken(first);
    const open = () => LiveSocket.open(first.api, `/api/ws/status?token=${admin}`);
    const sockets = [await open(), await open()];
    const drain = async () =>
      (await first.client(admin).POST('/api/system/drain', { params: { query: { deadline: '5s' } } })).data;
    expect(await drain()).toMatchObject({
      status: 'system drained',
      draining: true,
      drained: true,
      requests_in_flight: 0,
      websockets_closed: 2,
    });
    for (const socket of sockets) expect((await socket.nextClose()).code).toBe(1001);
    expect(await drain()).toMatchObject({ status: 'system drained', websockets_closed: 0 });
    const ofOther = await second
      .client(admin)
      .POST('/api/system/drain', { params: { query: { node: 'a' } } });
    expect(ofOther.data).toMatchObject({ drained: null, requests_in_flight: null, websockets_closed: null });
    expect((await fetch(`${first.api}/health`)).status).toBe(503);
    expect((await fetch(`${second.api}/health`)).status).toBe(200);
    await until('the other node to show it', async () => {
      const { data } = await second.client(admin).GET('/api/cluster');
      return data!.nodes.some((n) => n.name === 'a' && n.status === 'draining');
    });
    await first.client(admin).POST('/api/system/undrain');
    expect((await fetch(`${first.api}/health`)).status).toBe(200);
  });
});

const get = (base: string, host: string) =>
  new Promise<number>((ok) => {
    const call = request(base, { headers: { host }, agent: false }, (response) => {
      response.resume();
      ok(response.statusCode!);
    });
    call.on('error', () => ok(0));
    call.end();
  });

describe('when the leader', () => {
  let database: TestDatabase;
  let line: TcpProxy;
  beforeAll(async () => {
    database = await testDatabase();
    const { hostname, port } = new URL(database.url);
    line = await tcpProxy({ host: hostname, port: Number(port) });
  }, 60_000);
  afterAll(async () => {
    await line.close();
    await database.close();
  });

  /** One node that leads, by its own line to the database, and one that waits. */
  async function pair(work: (leader: TestServer, before: Lease) => Promise<void>): Promise<void> {
    const own = Object.assign(new URL(database.url), { port: String(line.port) }).href;
    const leader = await startNode(database, 'leader', { DATABASE_URL: own });
    await until('it to lead', async () => (await lease(database)).held);
    const other = await startNode(database, 'other');
    try {
      await work(leader, await lease(database));
    } finally {
      await Promise.all([
        leader.process.exitCode === null && leader.process.signalCode === null ? leader.stop() : null,
        other.stop(),
      ]);
    }
  }

  it('is killed, another leads', async () => {
    await pair(async (leader, before) => {
      const since = performance.now();
      await leader.kill();
      figure(`killed: a new leader after ${await newLeader(database, before, since)} ms`);
    });
  }, 120_000);

  it('is frozen, another leads, and what it writes when it wakes is refused', async () => {
    await pair(async (leader, before) => {
      const since = performance.now();
      leader.process.kill('SIGSTOP');
      try {
        figure(`frozen: a new leader after ${await newLeader(database, before, since)} ms`);
      } finally {
        leader.process.kill('SIGCONT');
      }
      const after = await lease(database);
      await until('the woken node to answer', async () => (await fetch(`${leader.api}/health`)).ok);
      const now = await lease(database);
      expect({ holder: now.holder, epoch: now.epoch }).toEqual({ holder: after.holder, epoch: after.epoch });
    });
  }, 120_000);

  it('is cut off from the database, another leads, and it comes back as a follower', async () => {
    await pair(async (leader, before) => {
      const since = performance.now();
      line.blackhole();
      try {
        figure(`cut off: a new leader after ${await newLeader(database, before, since)} ms`);
      } finally {
        line.heal();
      }
      const after = await lease(database);
      await until('it to answer again', async () => (await fetch(`${leader.api}/health`)).ok, 30_000);
      expect((await lease(database)).holder).toBe(after.holder);
    });
  }, 120_000);

  const faketime = [
    '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
    '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
  ].find(existsSync);
  it.each(['-1h', '+1h'])(
    'or another node has a clock that is %s off, nothing changes: the database’s clock counts',
    async (off) => {
      if (!faketime) return figure('skipped: libfaketime is not installed');
      const wrong = await startNode(database, 'wrong clock', { LD_PRELOAD: faketime, FAKETIME: off });
      const right = await startNode(database, 'right clock');
      try {
        await until('somebody to lead', async () => (await lease(database)).held);
        const before = await lease(database);
        const { data } = await right.client(await adminToken(right)).GET('/api/cluster');
        expect(data!.nodes.filter((n) => n.status === 'active')).toHaveLength(2);
        // a session that one of them opened is one to the other, and its refresh token too
        for (const [opened, used] of [
          [wrong, right],
          [right, wrong],
        ] as const) {
          const session = await newTenant(opened);
          const profile = await used.client(session.token).GET('/api/profile');
          expect(profile.response.status).toBe(200);
          const socket = await LiveSocket.open(used.api, `/api/ws/status?token=${session.token}`);
          const refreshed = await used
            .client()
            .POST('/api/auth/refresh', { body: { refresh_token: session.refreshToken } });
          expect(refreshed.response.status).toBe(200);
          const expires_at = new Date(Date.now() + 1_800_000).toISOString();
          const key = await opened
            .client(session.token)
            .POST('/api/api-keys', { body: { name: 'half an hour', role: 'viewer', expires_at } });
          expect(key.response.status).toBe(201);
          expect((await used.client(key.data!.key).GET('/api/pools')).response.status).toBe(200);
          const failures: number[] = [];
          for (let i = 0; i < 6; i++) {
            const { response } = await [opened, used][i % 2]!.client().POST('/api/auth/login', {
              body: { email: session.email, password: `wrong-${i}-password` },
            });
            failures.push(response.status);
          }
          expect(failures).toEqual([401, 401, 401, 401, 401, 423]);
          expect(socket.closed).toBeNull();
          socket.close();
        }
        // longer than a lease lives: nobody may have taken it over
        const renewed = performance.now() + 3500;
        await until('more than the life of a lease', () => performance.now() > renewed);
        expect(await lease(database)).toMatchObject({
          holder: before.holder,
          epoch: before.epoch,
          held: true,
        });
      } finally {
        await Promise.all([wrong.stop(), right.stop()]);
      }
    },
    120_000,
  );
});

/** Memory of a process that is its own, in megabytes. */
const memoryOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

describe('a node whose database is away', () => {
  const seconds = LONG ? 130 : 6;
  it(`for ${seconds} s does not grow, answers 503 in time, and works again by itself`, async () => {
    const database = await testDatabase();
    const { hostname, port } = new URL(database.url);
    const line = await tcpProxy({ host: hostname, port: Number(port) });
    const own = Object.assign(new URL(database.url), { port: String(line.port) }).href;
    const node = await startNode(database, 'cut off', { DATABASE_URL: own });
    const { token } = await newTenant(node);
    const ask = async () => (await node.client(token).GET('/api/pools')).response.status;
    for (let i = 0; i < 200; i++) expect(await ask()).toBe(200);
    const before = memoryOf(node.process.pid!);
    line.blackhole();
    const end = performance.now() + seconds * 1000;
    const statuses = new Map<number, number>();
    let most = before;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        while (performance.now() < end) {
          const status = await ask();
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          most = Math.max(most, memoryOf(node.process.pid!));
        }
      }),
    );
    line.heal();
    const since = performance.now();
    await until('it to answer again', async () => (await ask()) === 200, 30_000);
    figure(
      `${seconds} s without database: answers ${JSON.stringify([...statuses])}, memory ${Math.round(before)} MB before, ` +
        `at most ${Math.round(most)} MB; well again after ${Math.round(performance.now() - since)} ms`,
    );
    expect(Object.keys(Object.fromEntries(statuses)).filter((s) => s !== '200' && s !== '503')).toEqual([]);
    expect(most - before).toBeLessThan(150);
    await node.stop();
    await line.close();
    await database.close();
  }, 300_000);
});

/** What stands in front of the nodes: asks each one's health ten times a second and sends requests to the healthy ones. */
function front(targets: () => { api: string; proxy: string }[]) {
  const healthy = new Set<string>();
  const look = async () => {
    await Promise.all(
      targets().map(async ({ api, proxy }) => {
        const ok = await fetch(`${api}/health`, { signal: AbortSignal.timeout(1000) }).then(
          (r) => r.ok,
          () => false,
        );
        if (ok) healthy.add(proxy);
        else healthy.delete(proxy);
      }),
    );
  };
  let next = 0;
  const timer = setInterval(() => void look(), 100);
  const forward = (
    incoming: Parameters<Parameters<typeof createServer>[1] & object>[0],
    tries: number,
    done: (status: number, body: Buffer) => void,
  ) => {
    const list = [...healthy];
    const base = list[next++ % Math.max(1, list.length)];
    if (!base || tries === 0) return done(503, Buffer.alloc(0));
    const call = request(base + incoming.url, { headers: incoming.headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (d: Buffer) => chunks.push(d));
      response.on('end', () => done(response.statusCode!, Buffer.concat(chunks)));
      response.on('error', () => done(502, Buffer.alloc(0)));
    });
    // only a connection that was refused is tried elsewhere: nothing was sent
    call.on('error', (e: NodeJS.ErrnoException) =>
      e.code === 'ECONNREFUSED' ? forward(incoming, tries - 1, done) : done(502, Buffer.alloc(0)),
    );
    call.end();
  };
  const server = createServer((incoming, response) =>
    forward(incoming, 3, (status, body) => {
      response.writeHead(status);
      response.end(body);
    }),
  ).listen(0, '127.0.0.1');
  void look();
  return { server, healthy, stop: () => clearInterval(timer) };
}

describe('a rolling restart of three nodes', () => {
  it('costs not one request through the proxy in front', async () => {
    const database = await testDatabase();
    const nodes: TestServer[] = [];
    for (const name of ['one', 'two', 'three']) nodes.push(await startNode(database, name));
    const tenant = await newTenant(nodes[0]!, 'enterprise');
    const upstream = createServer((_, response) => response.end('carried')).listen(0, '127.0.0.1');
    const host = `${unique('site')}.example.com`;
    const client = nodes[0]!.client(tenant.token);
    await client.POST('/api/pools', {
      body: { name: 'web', algorithm: 'round_robin', health_check: { enabled: false } },
    });
    const address = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    await client.POST('/api/backends', { body: { address, pool: 'web', weight: 1 } });
    await client.POST('/api/routes', { body: { host, pool: 'web' }, params: { query: { wait: 'applied' } } });

    const { server, healthy, stop } = front(() => nodes);
    await until('the front to listen', () => server.listening);
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await until('the front to serve', async () => (await get(base, host)) === 200);
    const statuses: number[] = [];
    let running = true;
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (running) statuses.push(await get(base, host));
      }),
    );
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      await node
        .client(await adminToken(node))
        .POST('/api/system/drain', { params: { query: { deadline: '5s' } } });
      await until('the front to have noticed', () => !healthy.has(node.proxy));
      const seen = statuses.length;
      await until('what it sent before to have been answered', () => statuses.length > seen + 50);
      expect(await node.stop()).toBe(0);
      nodes[i] = await startNode(database, `again ${i}`);
    }
    running = false;
    await load;
    figure(`${statuses.length} requests, ${statuses.filter((s) => s !== 200).length} failed`);
    expect(statuses.filter((s) => s !== 200)).toEqual([]);
    stop();
    server.close();
    upstream.close();
    await Promise.all(nodes.map((n) => n.stop()));
    await database.close();
  }, 240_000);
});

describe('imports that a kill -9 interrupts', () => {
  const rounds = LONG ? 200 : 8;

  it('leave the old configuration or the new one, never a mix', async () => {
    const database = await testDatabase();
    let server = await startNode(database, 'victim');
    const tenant = await newTenant(server, 'enterprise');
    const call = (method: string, path: string, body?: object) =>
      caller(server.api, tenant.token)(method, path, body);
    const exported = async () => (await call('GET', '/api/config/export')).text;
    const put = (document: string) => call('POST', '/api/config/import', JSON.parse(document));
    const document = (algorithm: string) =>
      JSON.stringify({
        format: 'veloflux-config/1',
        pools: Array.from({ length: 60 }, (_, i) => ({
          name: `pool-${i}`,
          algorithm,
          health_check: { enabled: false },
          backends: [{ address: `192.0.2.${i + 1}:80`, weight: algorithm.length }],
        })),
      });
    const documents = [document('round_robin'), document('random')];
    const states: string[] = [];
    let longest = 0;
    for (let i = 0; i < 4; i++) {
      const since = performance.now();
      expect((await put(documents[i % 2]!)).status).toBe(200);
      longest = i > 0 ? Math.max(longest, performance.now() - since) : 0;
      states[i % 2] = await exported();
    }
    let [old, made, answered] = [0, 0, 0];
    let now = 1;
    for (let round = 0; round < rounds; round++) {
      const wanted = 1 - now;
      let answer = false;
      const importing = put(documents[wanted]!).then(
        () => {
          answer = true;
        },
        () => undefined,
      );
      await killMoment(round, rounds, longest, importing);
      if (answer) answered++;
      await server.kill();
      await importing;
      server = await startNode(database, 'victim');
      const found = await exported();
      expect(states).toContain(found);
      if (answer) expect(found).toBe(states[wanted]);
      if (found === states[wanted]) {
        made++;
        now = wanted;
      } else old++;
    }
    figure(
      `${rounds} imports killed from 0 to ${Math.round(1.2 * longest)} ms after they began: ${old} left the old configuration, ` +
        `${made} the new one (${answered} of them had been answered), none a mix`,
    );
    expect([old > 0, made > 0]).toEqual([true, true]);
    await server.stop();
    await database.close();
  }, 3_600_000);
});

/**
 * The first kill comes at once, the last after the answer; a third of the others is spread over the whole import, the
 * rest over its last part, where the commit is.
 */
async function killMoment(round: number, rounds: number, ms: number, answered: Promise<void>): Promise<void> {
  if (round === 0) return;
  if (round === rounds - 1) return answered;
  const part = ((round * 0.618) % 1) * (round % 3 ? 0.5 : 1.2) + (round % 3 ? 0.7 : 0);
  await new Promise((r) => setTimeout(r, part * ms));
}
