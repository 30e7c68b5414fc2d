import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/database/embedded-postgres.js';
import { figure } from '../support/figures.js';
import { freePort } from '../support/ports.js';
import { family, haproxiesOf, killAll } from '../support/processes.js';
import {
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  testDirectory,
  unique,
  until,
} from '../support/server.js';
import { Traffic } from '../support/traffic.js';

const ENGINE = process.env.DATA_PLANE ?? 'embedded';
const LONG = process.env.VELOFLUX_LONG === '1';
/** How long a fault lasts, and how long it is looked at after. */
const SPAN_MS = LONG ? 5000 : 1500;

const UPSTREAM = `
const { createServer } = require('node:http');
const server = createServer((_, response) => setTimeout(() => response.end('carried'), 3));
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit());
`;

/** An upstream in a process of its own, so that it can be killed and frozen. */
class Upstream {
  private child!: ReturnType<typeof fork>;
  port = 0;

  constructor(private readonly file: string) {}

  async start(): Promise<this> {
    this.child = fork(this.file, [String(this.port)]);
    [this.port] = (await once(this.child, 'message')) as [number];
    return this;
  }
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

describe(`traffic through the ${ENGINE} engine, when`, () => {
  const databaseDir = testDirectory();
  const dataDir = testDirectory();
  let pgPort: number;
  // fixed, so that a control plane that comes back finds its engine where it was
  const env = {
    DATA_PLANE: ENGINE,
    PROXY_PORT: '',
    PROXY_TLS_PORT: '',
    DATABASE_URL: '',
  };
  const host = `${unique('site')}.example.com`;
  const upstreams: Upstream[] = [];
  let postgres: EmbeddedPostgres;
  let server: TestServer;
  let tenant: SignedInTenant;
  let traffic: Traffic | undefined;

  beforeAll(async () => {
    const file = path.join(dataDir, 'upstream.cjs');
    writeFileSync(file, UPSTREAM);
    for (let i = 0; i < 3; i++) upstreams.push(await new Upstream(file).start());
    pgPort = await freePort();
    env.PROXY_PORT = String(await freePort());
    env.PROXY_TLS_PORT = String(await freePort());
    postgres = await startEmbeddedPostgres({ dataDir: databaseDir, port: pgPort });
    env.DATABASE_URL = postgres.url;
    server = await startServer({ env, dataDir });
    tenant = await newTenant(server, 'enterprise');
    const client = server.client(tenant.token);
    await client.POST('/api/pools', {
      body: {
        name: 'web',
        algorithm: 'round_robin',
        response_timeout: '1s',
        connect_timeout: '500ms',
        retries: 2,
        health_check: { path: '/', interval: '1s', timeout: '500ms', rise: 1, fall: 2 },
      },
    });
    for (const { port } of upstreams)
      await client.POST('/api/backends', { body: { address: `127.0.0.1:${port}`, pool: 'web' } });
    await client.POST('/api/routes', { body: { host, pool: 'web' }, params: { query: { wait: 'applied' } } });
    const warm = new Traffic(server.proxy, host, 50);
    await until('the route to be carried', () => warm.outcomes.some(({ what }) => what === '200'));
    await warm.stop();
  }, 90_000);

  beforeEach(() => {
    traffic = new Traffic(server.proxy, host);
  });
  afterEach(async () => {
    await traffic?.stop();
    const { exitCode, signalCode } = server.process;
    if (exitCode !== null || signalCode !== null)
      figure(`the program ended with ${exitCode ?? signalCode}: ${server.output().slice(-1500)}`);
  });
  afterAll(async () => {
    await server.stop();
    killAll(haproxiesOf(dataDir));
    for (const upstream of upstreams) {
      upstream.signal('SIGCONT');
      await upstream.kill();
    }
    await postgres.stop();
    for (const dir of [databaseDir, dataDir]) rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  const tell = (what: string, from = 0) => {
    const { outcomes } = traffic!;
    const failed = traffic!.failures(from);
    const slowest = Math.round(Math.max(...outcomes.map(({ ms }) => ms)));
    figure(`${what}${outcomes.length} requests, failed: ${JSON.stringify(failed)}, slowest ${slowest} ms`);
    return failed;
  };
  /** Milliseconds from `since` until traffic is carried without a failure for a while. */
  async function healed(since: number): Promise<number> {
    await until('traffic to be carried again', () => {
      const from = Math.max(since, performance.now() - 1000);
      const recent = traffic!.outcomes.filter(({ sent }) => sent > from);
      return (
        performance.now() - since > 1200 && recent.length > 100 && recent.every(({ what }) => what === '200')
      );
    });
    const failed = traffic!.outcomes.filter(({ sent, what }) => sent >= since && what !== '200');
    return Math.round(Math.max(0, ...failed.map(({ sent, ms }) => sent + ms - since)));
  }

  it('an upstream is killed: no request fails', async () => {
    await delay(300);
    await upstreams[0]!.kill();
    await delay(SPAN_MS);
    await upstreams[0]!.start();
    await delay(SPAN_MS);
    await traffic!.stop();
    expect(tell('')).toEqual({});
  }, 60_000);

  it('an upstream comes and goes: no request fails', async () => {
    for (let i = 0; i < (LONG ? 10 : 3); i++) {
      await upstreams[1]!.kill();
      await delay(300);
      await upstreams[1]!.start();
      await delay(300);
    }
    await traffic!.stop();
    expect(tell('')).toEqual({});
  }, 60_000);

  it('an upstream hangs: it is left out before long, and taken back', async () => {
    const since = performance.now();
    upstreams[2]!.signal('SIGSTOP');
    await delay(4000);
    const later = performance.now();
    await delay(SPAN_MS);
    upstreams[2]!.signal('SIGCONT');
    await delay(2000);
    await traffic!.stop();
    tell(`left out after ${await lastFailure(since)} ms; `);
    expect(traffic!.failures(later)).toEqual({});
  }, 60_000);
  const lastFailure = async (since: number) =>
    Math.round(
      Math.max(0, ...traffic!.outcomes.filter(({ what }) => what !== '200').map(({ sent }) => sent - since)),
    );

  it('the database is frozen, then stopped, then back: no request fails, and changes take effect again', async () => {
    const frozen = family(postgres.pid);
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    await delay(SPAN_MS);
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    await postgres.stop();
    await delay(SPAN_MS);
    postgres = await startEmbeddedPostgres({ dataDir: databaseDir, port: pgPort });
    const since = performance.now();
    await until('a change to be in effect', async () => {
      const { response } = await server.client(tenant.token).PUT('/api/pools/{name}', {
        params: { path: { name: 'web' }, query: { wait: 'applied' } },
        body: { retries: 1 + Math.floor(Math.random() * 3) },
      });
      return response.status === 200;
    });
    const back = Math.round(performance.now() - since);
    await traffic!.stop();
    expect(tell(`a change in effect ${back} ms after the return; `)).toEqual({});
  }, 90_000);

  // faults that only an engine of its own process can have; `npm run chaos` and CI run them
  if (ENGINE === 'haproxy') {
    it('HAProxy is killed: it is started again with what it carried', async () => {
      await delay(300);
      const since = performance.now();
      killAll(haproxiesOf(dataDir));
      const ms = await healed(since);
      await traffic!.stop();
      tell(`carried again after ${ms} ms; `);
      expect(haproxiesOf(dataDir).length).toBeGreaterThan(1);
      expect(server.process.exitCode).toBeNull();
    }, 60_000);

    it('the control plane is killed: traffic is carried all the while, and the next one takes over', async () => {
      await delay(300);
      await server.kill();
      await delay(SPAN_MS);
      server = await startServer({ env, dataDir });
      const client = server.client(tenant.token);
      const changed = await client.PUT('/api/pools/{name}', {
        params: { path: { name: 'web' }, query: { wait: 'applied' } },
        body: { algorithm: 'random' },
      });
      expect(changed.response.status).toBe(200);
      await delay(SPAN_MS);
      await traffic!.stop();
      expect(tell('')).toEqual({});
    }, 90_000);
  }
});
