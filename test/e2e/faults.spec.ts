import { rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/database/embedded-postgres.js';
import { figure } from '../support/figures.js';
import { freePort } from '../support/ports.js';
import { family } from '../support/processes.js';
import {
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  testDirectory,
  unique,
  until,
} from '../support/server.js';

describe('when PostgreSQL fails', () => {
  const dataDir = testDirectory();
  let port: number;
  let postgres: EmbeddedPostgres;
  let server: TestServer;
  let tenant: SignedInTenant;
  let upstream: Server;
  const host = `${unique('site')}.example.com`;

  beforeAll(async () => {
    port = await freePort();
    postgres = await startEmbeddedPostgres({ dataDir, port });
    server = await startServer({ env: { DATABASE_URL: postgres.url } });
    tenant = await newTenant(server, 'enterprise');
    upstream = createServer((_, response) => response.end('carried')).listen(0, '127.0.0.1');
    const client = server.client(tenant.token);
    await client.POST('/api/pools', {
      body: { name: 'web', algorithm: 'round_robin', health_check: { enabled: false } },
    });
    const address = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    await client.POST('/api/backends', { body: { address, pool: 'web', weight: 1 } });
    await client.POST('/api/routes', { body: { host, pool: 'web' } });
    await until('the route', async () => (await traffic()) === 200);
  }, 90_000);

  afterAll(async () => {
    await server.stop();
    upstream.close();
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  const traffic = () =>
    new Promise<number>((ok) => {
      const call = request(server.proxy, { headers: { host }, agent: false }, (response) => {
        response.resume();
        ok(response.statusCode!);
      });
      call.on('error', () => ok(0));
      call.end();
    });
  const read = async () => {
    const started = performance.now();
    const response = await fetch(`${server.api}/api/pools/web`, {
      headers: { authorization: `Bearer ${tenant.token}` },
    });
    await response.arrayBuffer();
    return {
      status: response.status,
      ms: performance.now() - started,
      retryAfter: response.headers.get('retry-after'),
    };
  };

  /** Every request of these seconds: 200 or 503, within three seconds; the data plane carries on all the while. */
  async function duringFault(): Promise<void> {
    const answers = await Promise.all(Array.from({ length: 30 }, read));
    for (const { status, ms, retryAfter } of answers) {
      expect([200, 503]).toContain(status);
      if (status === 503) expect(retryAfter).not.toBeNull();
      expect(ms).toBeLessThan(3300);
    }
    expect(answers.some((a) => a.status === 503)).toBe(true);
    figure(`slowest 503 after ${Math.round(Math.max(...answers.map((a) => a.ms)))} ms`);
    expect(await traffic()).toBe(200);
  }
  const recovers = async () => {
    const since = performance.now();
    await until('reads to work again', async () => (await read()).status === 200, 10_000);
    figure(`back to normal ${Math.round(performance.now() - since)} ms after its return`);
    expect(server.process.exitCode).toBeNull();
  };

  it('answers 503 while it is frozen, and recovers by itself', async () => {
    const frozen = family(postgres.pid);
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    try {
      await duringFault();
    } finally {
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
    }
    await recovers();
  }, 60_000);

  it('answers 503 while it is stopped, and recovers when it is back', async () => {
    await postgres.stop();
    try {
      await duringFault();
    } finally {
      postgres = await startEmbeddedPostgres({ dataDir, port });
    }
    await recovers();
  }, 60_000);
});

describe('kill -9', () => {
  it('loses no acknowledged write, and the next start works', async () => {
    const dataDir = testDirectory();
    let server = await startServer({ dataDir });
    const tenant = await newTenant(server, 'enterprise');
    const acknowledged: string[] = [];
    const writer = (async () => {
      for (let i = 0; ; i++) {
        const name = `pool-${i}`;
        const { data } = await server
          .client(tenant.token)
          .POST('/api/pools', { body: { name, algorithm: 'random' } });
        if (data) acknowledged.push(name);
      }
    })().catch(() => undefined);
    await until('some writes', () => acknowledged.length > 20);
    await server.kill();
    await writer;
    server = await startServer({ dataDir });
    const { data } = await server
      .client(tenant.token)
      .GET('/api/pools', { params: { query: { limit: 200 } } });
    figure(`${acknowledged.length} acknowledged writes`);
    expect(data!.map((p) => p.name)).toEqual(expect.arrayContaining(acknowledged.slice(0, 200)));
    expect(await server.stop()).toBe(0);
    rmSync(dataDir, { recursive: true, force: true });
  }, 90_000);
});
