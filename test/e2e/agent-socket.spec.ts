import { once } from 'node:events';
import { WebSocket } from 'ws';
import { adminToken, startServer, type TestServer, unique, until } from '../support/server.js';

const PROCESS = {
  state: 'running',
  pid: 4711,
  restarts: 0,
  last_exit_code: null,
  last_exit_signal: null,
  uptime_seconds: 12.5,
  error: null,
};
const HELLO = {
  type: 'hello',
  protocol: 1,
  hostname: 'rack-3',
  platform: 'linux',
  command: 'dask',
  process: PROCESS,
};
const REPORT = {
  type: 'report',
  at: '2026-06-19T15:30:00.000Z',
  ip_address: '192.0.2.7',
  host: {
    cpu_percent: 45.2,
    memory_percent: 67.8,
    gpus: [{ name: 'L40S', utilization_percent: 73.5, memory_percent: null, driver: 'unknown member' }],
    uptime_seconds: 1000,
    disks: 'unknown member',
  },
  process: PROCESS,
};

/** An agent of a few lines that says whatever a test wants. */
class RawAgent {
  readonly frames: { type: string; id?: string; interval_seconds?: number }[] = [];
  readonly closed: Promise<number>;

  constructor(readonly socket: WebSocket) {
    this.closed = once(socket, 'close').then(([code]) => code as number);
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data))));
  }

  send(frame: object | string): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  frame(type: string) {
    return until(`a frame ${type}`, () => this.frames.find((frame) => frame.type === type));
  }
}

describe('the agents’ socket', () => {
  let server: TestServer;
  let token: string;

  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(server.api + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  };
  const enroll = async () => {
    const { body: issued } = await call('POST', '/api/workers/enrollment-tokens', {});
    const { body } = await call('POST', '/api/workers/enroll', {
      token: issued.token,
      name: unique('worker'),
      hostname: 'rack-3',
      platform: 'linux',
    });
    return { id: body.worker_id as string, credential: body.credential as string };
  };
  const open = (credential?: string) =>
    new WebSocket(`${server.api.replace('http', 'ws')}/api/workers/agent`, {
      headers: credential === undefined ? {} : { authorization: `Bearer ${credential}` },
    });
  const connect = async (credential: string) => {
    const socket = open(credential);
    const agent = new RawAgent(socket);
    await once(socket, 'open');
    return agent;
  };
  const greeted = async (credential: string) => {
    const agent = await connect(credential);
    agent.send(HELLO);
    await agent.frame('settings');
    return agent;
  };
  const worker = async (id: string) => (await call('GET', `/api/workers/${id}`)).body;

  beforeAll(async () => {
    server = await startServer();
    token = await adminToken(server);
  });
  afterAll(() => server.stop());

  it.each([undefined, '', 'made-up'])('refuses the credential %p before the upgrade', async (credential) => {
    const socket = open(credential);
    socket.on('error', () => undefined);
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(401);
  });

  it('refuses the token of a user: a worker’s credential is another thing', async () => {
    const socket = open(token);
    socket.on('error', () => undefined);
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(401);
  });

  it('takes in what the agent says, and nothing that it does not know', async () => {
    const { id, credential } = await enroll();
    const agent = await greeted(credential);
    expect(await worker(id)).toMatchObject({ status: 'active', cpu_usage: null, process: PROCESS });
    agent.send(REPORT);
    const shown = await until('the figures', async () => {
      const now = await worker(id);
      return now.cpu_usage === null ? null : now;
    });
    expect(shown).toMatchObject({
      cpu_usage: 45.2,
      memory_usage: 67.8,
      ip_address: '192.0.2.7',
      hostname: 'rack-3',
      gpus: [{ name: 'L40S', utilization_percent: 73.5, memory_percent: null }],
    });
    expect(JSON.stringify(shown)).not.toContain('unknown member');
  });

  it.each([
    ['no JSON', ['{']],
    ['an unknown type', [{ type: 'shutdown' }]],
    ['a report before the hello', [REPORT]],
    ['two hellos', [HELLO, HELLO]],
    ['a figure that is none', [HELLO, { ...REPORT, host: { ...REPORT.host, cpu_percent: 101 } }]],
    ['text that no database stores', [{ ...HELLO, hostname: 'rack\u00003' }]],
  ])('ends a connection with %s with 4400', async (_what, frames) => {
    const agent = await connect((await enroll()).credential);
    for (const frame of frames) agent.send(frame);
    expect(await agent.closed).toBe(4400);
  });

  it('ends a connection of another protocol version with 4426', async () => {
    const agent = await connect((await enroll()).credential);
    agent.send({ ...HELLO, protocol: 2 });
    expect(await agent.closed).toBe(4426);
  });

  it('takes no frame over 16 KB', async () => {
    const agent = await greeted((await enroll()).credential);
    agent.send('x'.repeat(17 * 1024));
    expect(await agent.closed).toBe(1009);
  });

  it('keeps the newer of two connections of one worker', async () => {
    const { id, credential } = await enroll();
    const first = await greeted(credential);
    const second = await greeted(credential);
    expect(await first.closed).toBe(4409);
    expect(await worker(id)).toMatchObject({ connected: true });
    second.send(REPORT);
    await until('the report', async () => (await worker(id)).cpu_usage !== null);
  });

  it('ends the connection of a worker that is forgotten, and takes its credential no more', async () => {
    const { id, credential } = await enroll();
    const agent = await greeted(credential);
    expect((await call('DELETE', `/workers/${id}`)).status).toBe(204);
    expect(await agent.closed).toBe(4401);
    const socket = open(credential);
    socket.on('error', () => undefined);
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(401);
  });

  it('answers a command with its own result only', async () => {
    const { id, credential } = await enroll();
    const agent = await greeted(credential);
    const answer = call('POST', `/workers/${id}/stop`);
    const command = await agent.frame('command');
    const stopped = { ...PROCESS, state: 'stopped', pid: null, uptime_seconds: null };
    agent.send({ type: 'command_result', id: 'another', ok: false, process: PROCESS, error: 'not mine' });
    agent.send({ type: 'command_result', id: command.id, ok: true, process: stopped, error: null });
    expect(await answer).toMatchObject({ status: 200, body: { worker: { process: { state: 'stopped' } } } });
  });

  it('tells agents at once when the interval changes', async () => {
    const agent = await greeted((await enroll()).credential);
    expect((await agent.frame('settings')).interval_seconds).toBe(5);
    await call('POST', '/settings', { update_interval: 600 });
    await until('the longest interval there is', () =>
      agent.frames.some((frame) => frame.interval_seconds === 60),
    );
    await call('POST', '/settings', { update_interval: 5 });
  });

  it('is told apart from a node’s end: the agent comes back elsewhere', async () => {
    const other = await startServer();
    try {
      const admin = await adminToken(other);
      const post = async (path: string, body: object) =>
        (
          await fetch(other.api + path, {
            method: 'POST',
            headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
            body: JSON.stringify(body),
          })
        ).json();
      const issued = (await post('/api/workers/enrollment-tokens', {})) as { token: string };
      const { credential } = (await post('/api/workers/enroll', {
        token: issued.token,
        name: 'leaving',
        hostname: 'h',
        platform: 'linux',
      })) as { credential: string };
      const socket = new WebSocket(`${other.api.replace('http', 'ws')}/api/workers/agent`, {
        headers: { authorization: `Bearer ${credential}` },
      });
      const agent = new RawAgent(socket);
      await once(socket, 'open');
      agent.send(HELLO);
      await agent.frame('settings');
      const [code] = await Promise.all([agent.closed, other.stop()]);
      expect(code).toBe(1001);
    } finally {
      if (other.process.exitCode === null && other.process.signalCode === null) await other.stop();
    }
  });
});
