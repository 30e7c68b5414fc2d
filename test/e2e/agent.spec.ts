import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { groupExists } from '../../src/agent/process-group.js';
import { newId } from '../../src/common/ids.js';
import { AgentProgram, type AgentRun } from '../support/agent-program.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { adminToken, newTenant, startServer, type TestServer, unique, until } from '../support/server.js';

interface Worker {
  id: string;
  name: string;
  status: 'active' | 'inactive' | 'offline';
  connected: boolean;
  cpu_usage: number | null;
  memory_usage: number | null;
  process: { state: string; pid: number; restarts: number; last_exit_signal: string | null };
}

/** Runs for ever, with a child of its own. */
const COMMAND = [
  process.execPath,
  '-e',
  `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
   setInterval(() => {}, 1000);`,
];
const SECRETS = { JWT_SECRET: 'x'.repeat(40), ENCRYPTION_KEY: 'y'.repeat(40) };
/** Longer than the limit that a command has, and than three report intervals. */
const PATIENCE_MS = 25_000;

/** The API of one node, as a superadmin uses it. */
class Operator {
  constructor(
    readonly server: TestServer,
    readonly token: string,
  ) {}

  async call(method: string, path: string, body?: object, token = this.token) {
    const response = await fetch(this.server.api + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
  }

  async issue(): Promise<{ id: string; token: string }> {
    return (await this.call('POST', '/api/workers/enrollment-tokens', {})).body;
  }

  async worker(id: string): Promise<Worker> {
    return (await this.call('GET', `/workers/${id}`)).body;
  }

  async workerNamed(name: string): Promise<Worker | undefined> {
    const answer = await fetch(`${this.server.api}/api/workers?limit=200`, {
      headers: { authorization: `Bearer ${this.token}`, 'cache-control': 'no-cache' },
    });
    return ((await answer.json()) as Worker[]).find((worker) => worker.name === name);
  }

  untilWorker(id: string, what: string, holds: (worker: Worker) => boolean): Promise<Worker> {
    return until(
      what,
      async () => {
        const worker = await this.worker(id);
        return holds(worker) ? worker : null;
      },
      PATIENCE_MS,
    );
  }
}

describe('workers: the agent program and the server', () => {
  jest.setTimeout(90_000);
  let db: TestDatabase;
  let one: Operator;
  let two: Operator;
  let program: AgentProgram;

  const operate = async (server: TestServer) => new Operator(server, await adminToken(server));
  const start = (NODE_NAME: string) => startServer({ env: { DATABASE_URL: db.url, NODE_NAME, ...SECRETS } });
  const agentOf = (name: string, server: TestServer, ...flags: string[]): AgentRun =>
    program.run('--server', server.api, '--name', name, ...flags, '--', ...COMMAND);
  /** A fresh agent on node `at`, enrolled, its command running. */
  const enrolled = async (at: Operator, ...flags: string[]) => {
    const name = unique('worker');
    const { token } = await at.issue();
    const agent = agentOf(name, at.server, '--token', token, ...flags);
    const { id } = await until('the worker', () => at.workerNamed(name)).catch((error: Error) => {
      throw new Error(`${error.message}\n${agent.output}`);
    });
    const worker = await at.untilWorker(id, 'a running command', (w) => w.status === 'active');
    return { id, name, agent, worker };
  };

  const alertOf = async (workerId: string, state: string) => {
    const rows = await db.sql('SELECT state, severity, message FROM alerts WHERE fingerprint = $1', [
      `worker_offline:${workerId}`,
    ]);
    return rows.length === 1 && rows[0]!.state === state ? rows[0] : null;
  };

  beforeAll(async () => {
    db = await testDatabase();
    one = await operate(await start('one'));
    two = await operate(await start('two'));
    await one.call('POST', '/settings', { update_interval: 1 });
    program = new AgentProgram();
  });
  afterAll(async () => {
    await program.remove();
    await Promise.all([one.server.stop(), two.server.stop()]);
    await db.close();
  });

  it('enrol with a one-time token, connect and report', async () => {
    const { id, name, worker } = await enrolled(one);
    expect(worker).toMatchObject({
      id: expect.stringMatching(/^worker_/),
      name,
      status: 'active',
      connected: true,
      ip_address: '127.0.0.1',
      platform: 'linux',
      command: 'node',
      process: { state: 'running', restarts: 0, error: null },
    });
    const reported = await one.untilWorker(id, 'figures', (w) => w.cpu_usage !== null);
    expect(reported.memory_usage).toBeGreaterThan(0);
    expect(JSON.stringify(reported)).not.toContain('setInterval');
  });

  it('answer on both paths, 404 for any unknown id, 401 without and 403 with a tenant’s token', async () => {
    const { id } = await enrolled(one);
    expect((await one.call('GET', `/api/workers/${id}`)).body.id).toBe(id);
    for (const unknown of ['x', 'worker-001', newId('worker'), '%F0%9F%92%BB']) {
      expect((await one.call('GET', `/workers/${unknown}`)).status).toBe(404);
      for (const verb of ['start', 'stop', 'restart'])
        expect((await one.call('POST', `/workers/${unknown}/${verb}`)).status).toBe(404);
      expect((await one.call('DELETE', `/workers/${unknown}`)).status).toBe(404);
    }
    const tenant = await newTenant(one.server);
    for (const path of ['/workers', `/workers/${id}`]) {
      expect((await one.call('GET', path, undefined, '')).status).toBe(401);
      expect((await one.call('GET', path, undefined, tenant.token)).status).toBe(403);
    }
    expect((await one.call('POST', `/workers/${id}/stop`, undefined, tenant.token)).status).toBe(403);
  });

  it('stop, start and restart the process on the machine, and answer when it is so', async () => {
    const { id, worker } = await enrolled(one);
    const first = worker.process.pid;
    const stopped = await one.call('POST', `/workers/${id}/stop`);
    expect(stopped).toMatchObject({ status: 200, body: { message: `Worker ${id} stopped successfully` } });
    expect(groupExists(first)).toBe(false);
    expect(stopped.body.worker).toMatchObject({
      status: 'inactive',
      process: { state: 'stopped', pid: null },
    });
    const started = await one.call('POST', `/api/workers/${id}/start`);
    expect(started).toMatchObject({ status: 200, body: { message: `Worker ${id} started successfully` } });
    const second = started.body.worker.process.pid;
    expect(groupExists(second)).toBe(true);
    const restarted = await one.call('POST', `/workers/${id}/restart`);
    expect(restarted.body).toMatchObject({
      message: `Worker ${id} restart initiated successfully`,
      worker: { status: 'active', process: { state: 'running', restarts: 0 } },
    });
    expect(groupExists(second)).toBe(false);
    expect(groupExists(restarted.body.worker.process.pid)).toBe(true);
  });

  it('show that a killed command was started again', async () => {
    const { id, worker } = await enrolled(one);
    process.kill(worker.process.pid, 'SIGKILL');
    const again = await one.untilWorker(
      id,
      'the restarted command',
      (w) => w.status === 'active' && w.process.restarts === 1,
    );
    expect(again.process.last_exit_signal).toBe('SIGKILL');
    expect(again.process.pid).not.toBe(worker.process.pid);
  });

  it('obey commands that reach another node than the one they are connected to', async () => {
    const { id, worker } = await enrolled(one);
    const stopped = await two.call('POST', `/workers/${id}/stop`);
    expect(stopped).toMatchObject({ status: 200, body: { worker: { process: { state: 'stopped' } } } });
    expect(groupExists(worker.process.pid)).toBe(false);
    expect((await two.call('POST', `/workers/${id}/start`)).body.worker.status).toBe('active');
  });

  it('are offline when their machine is gone, refuse commands, and are back with it', async () => {
    const { id, name, agent, worker } = await enrolled(one);
    await agent.end('SIGKILL');
    await one.untilWorker(id, 'offline', (w) => w.status === 'offline');
    expect(await one.call('POST', `/workers/${id}/stop`)).toMatchObject({
      status: 409,
      body: { code: 'WORKER_OFFLINE' },
    });
    expect(groupExists(worker.process.pid)).toBe(true);
    expect(await until('an alert', () => alertOf(id, 'firing'))).toMatchObject({
      severity: 'CRITICAL',
      message: expect.stringContaining(`Worker ${name} is offline`),
    });
    agentOf(name, one.server);
    const back = await one.untilWorker(id, 'its return', (w) => w.status === 'active');
    expect(groupExists(worker.process.pid)).toBe(false);
    expect(back.process.pid).not.toBe(worker.process.pid);
    await until('the end of the alert', () => alertOf(id, 'resolved'));
  });

  it('that do not answer are 504 with what is known of them', async () => {
    const { id, agent } = await enrolled(one);
    agent.signal('SIGSTOP');
    try {
      const { status, body } = await one.call('POST', `/workers/${id}/stop`);
      expect({ status, code: body.code }).toEqual({ status: 504, code: 'WORKER_TIMEOUT' });
      expect(body.message).toContain('last known to be running');
    } finally {
      agent.signal('SIGCONT');
    }
    await one.untilWorker(id, 'the late stop', (w) => w.process.state === 'stopped');
  });

  it('that cannot do it are 409 with the agent’s reason', async () => {
    const name = unique('worker');
    const { token } = await one.issue();
    program.run('--server', one.server.api, '--name', name, '--token', token, '--', '/bin/false');
    const { id } = await until('the worker', () => one.workerNamed(name));
    await one.untilWorker(id, 'a connection', (w) => w.connected);
    expect(await one.call('POST', `/workers/${id}/start`)).toMatchObject({
      status: 409,
      body: { code: 'WORKER_COMMAND_FAILED', message: expect.stringContaining('exited with code 1') },
    });
  });

  it('that are forgotten keep their command and get no connection any more', async () => {
    const { id, agent, worker } = await enrolled(two);
    expect((await one.call('DELETE', `/workers/${id}`)).status).toBe(204);
    await until('the refusal', () => agent.output.includes('refuses the credential'));
    expect((await one.call('GET', `/workers/${id}`)).status).toBe(404);
    expect(groupExists(worker.process.pid)).toBe(true);
  });

  it('with a name that is at work are refused, and the token stays good', async () => {
    const { name } = await enrolled(one);
    const { token } = await one.issue();
    const twin = { name, hostname: 'h', platform: 'linux', token };
    expect(await one.call('POST', '/api/workers/enroll', twin, '')).toMatchObject({
      status: 409,
      body: { code: 'WORKER_NAME_TAKEN' },
    });
    const other = { ...twin, name: unique('worker') };
    expect((await one.call('POST', '/api/workers/enroll', other, '')).status).toBe(201);
  });

  it('with the name of one that is offline are that worker, under a new credential', async () => {
    const { id, name, agent } = await enrolled(one);
    await agent.end('SIGTERM');
    await one.untilWorker(id, 'offline', (w) => w.status === 'offline');
    rmSync(join(program.directory, '.data/agent', name), { recursive: true });
    const { token } = await one.issue();
    agentOf(name, one.server, '--token', token);
    await one.untilWorker(id, 'its return', (w) => w.status === 'active');
  });

  it('enrol with open tokens only: not used, revoked, or made up', async () => {
    const body = (token: string) => ({ name: unique('worker'), hostname: 'h', platform: 'linux', token });
    const enroll = async (token: string) =>
      (await one.call('POST', '/workers/enroll', body(token), '')).status;
    const used = await one.issue();
    expect(used.token).toMatch(/^enroll_/);
    expect(await enroll(used.token)).toBe(201);
    expect(await enroll(used.token)).toBe(401);
    const revoked = await one.issue();
    expect((await one.call('DELETE', `/api/workers/enrollment-tokens/${revoked.id}`)).status).toBe(204);
    expect(await enroll(revoked.token)).toBe(401);
    expect(await enroll('made-up')).toBe(401);
    expect((await one.call('DELETE', `/api/workers/enrollment-tokens/${used.id}`)).status).toBe(409);
    const listed = await one.call('GET', '/api/workers/enrollment-tokens');
    const state = (id: string) => listed.body.find((row: { id: string }) => row.id === id).state;
    expect([state(used.id), state(revoked.id)]).toEqual(['used', 'revoked']);
    expect(JSON.stringify(listed.body)).not.toContain(used.token);
  });

  it('cannot enrol twice with one token at the same time', async () => {
    const { token } = await one.issue();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        [one, two][i % 2]!.call(
          'POST',
          '/api/workers/enroll',
          { name: unique('worker'), hostname: 'h', platform: 'linux', token },
          '',
        ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(401)]);
  });

  it('keep secrets out of the database', async () => {
    const { token } = await one.issue();
    const { body } = await one.call(
      'POST',
      '/api/workers/enroll',
      { name: unique('worker'), hostname: 'h', platform: 'linux', token },
      '',
    );
    const rows = await db.sql(
      `SELECT w::text FROM workers w UNION ALL SELECT t::text FROM enrollment_tokens t UNION ALL SELECT a::text FROM audit_log a`,
    );
    const everything = JSON.stringify(rows);
    expect(everything).not.toContain(token);
    expect(everything).not.toContain(body.credential);
  });

  it('count in the cluster’s status, on both paths, which is cached', async () => {
    const { id } = await enrolled(one);
    const read = async (path: string, ask = '') =>
      fetch(one.server.api + path, {
        headers: { authorization: `Bearer ${one.token}`, 'cache-control': ask },
      });
    const fresh = (await (await read('/cluster/status', 'no-cache')).json()) as Record<string, number>;
    expect(fresh.total_workers).toBeGreaterThan(0);
    expect(fresh.active_workers).toBeGreaterThan(0);
    expect(fresh).toMatchObject({ ollama_running: false, webui_running: false });
    await one.call('POST', `/workers/${id}/stop`);
    const after = (await (await read('/api/cluster/status', 'no-cache')).json()) as Record<string, number>;
    expect(after.active_workers).toBe(fresh.active_workers! - 1);
    const cached = await read('/cluster/status');
    expect(cached.headers.get('x-cache')).toBe('HIT');
    expect(cached.headers.get('cache-control')).toBe('private, max-age=30');
  });

  it('are offline when the node that held them dies, and another one says so', async () => {
    const { id, agent } = await enrolled(two);
    await two.server.kill();
    try {
      await one.untilWorker(id, 'offline', (w) => w.status === 'offline');
      await until('the alert', () => alertOf(id, 'firing'), PATIENCE_MS);
    } finally {
      await agent.end('SIGTERM');
      two = await operate(await start('two'));
    }
  });
});
