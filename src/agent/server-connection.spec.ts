import { AgentServer } from '../../test/support/agent-server.js';
import { until } from '../../test/support/until.js';
import { AgentCloseCode, type CommandFrame, type ProcessStatus } from '../common/agent-protocol.js';
import { ServerConnection } from './server-connection.js';

const status: ProcessStatus = {
  state: 'running',
  pid: 1,
  restarts: 0,
  last_exit_code: null,
  last_exit_signal: null,
  uptime_seconds: 1,
  error: null,
};
const host = { cpu_percent: 1, memory_percent: 2, gpus: [], uptime_seconds: 3 };

describe('ServerConnection', () => {
  let server: AgentServer;
  let ending: AbortController;
  let commands: CommandFrame[];
  let messages: string[];
  let connection: ServerConnection;
  let kept: Promise<'aborted' | 'refused'>;

  const connect = (url: string, { heartbeatMs = 60_000, maxMs = 50 } = {}) => {
    connection = new ServerConnection(
      url,
      { backoff: { initialMs: 10, maxMs }, heartbeatMs },
      {
        hello: () => ({
          type: 'hello',
          protocol: 1,
          hostname: 'h',
          platform: 'linux',
          command: 'dask',
          process: status,
        }),
        report: async (ip_address) => ({
          type: 'report',
          at: new Date().toISOString(),
          ip_address,
          host,
          process: status,
        }),
        command: (frame) => commands.push(frame),
        log: (message) => messages.push(message),
      },
    );
    kept = connection.keep('secret', ending.signal);
  };
  const connected = (times: number) => until(`connection ${times}`, () => server.connections >= times);
  const hello = () => until('a hello', () => server.framesOf('hello').length > 0);

  beforeEach(async () => {
    server = await new AgentServer().start();
    server.credentials.add('secret');
    ending = new AbortController();
    commands = [];
    messages = [];
  });
  afterEach(async () => {
    ending.abort();
    await kept;
    await server.stop();
  });

  it('says hello first, then reports with its own address', async () => {
    connect(server.url);
    await until('a report', () => server.framesOf('report').length > 0);
    expect(server.frames[0].type).toBe('hello');
    expect(server.framesOf('report')[0].ip_address).toBe('127.0.0.1');
  });

  it('reports again each interval that the server asks for', async () => {
    connect(server.url);
    // One on opening, one on the settings: the third can only come of the interval of one second.
    await until('three reports', () => server.framesOf('report').length >= 3, 4_000);
  });

  it('hands commands on, and sends what it is given', async () => {
    connect(server.url);
    await hello();
    server.send({ type: 'command', id: 'c1', verb: 'stop' });
    await until('the command', () => commands.length === 1);
    connection.send({ type: 'command_result', id: 'c1', ok: true, process: status, error: null });
    await until('the result', () => server.framesOf('command_result')[0]?.id === 'c1');
  });

  it('ignores a frame that is not valid', async () => {
    connect(server.url);
    await hello();
    server.send('{"type":"command","id":"c1","verb":"format"}');
    server.send({ type: 'command', id: 'c2', verb: 'stop' });
    await until('the valid command', () => commands.length > 0);
    expect(commands.map((command) => command.id)).toEqual(['c2']);
    expect(server.connections).toBe(1);
  });

  it('comes back when the server ends the connection or vanishes', async () => {
    connect(server.url);
    await connected(1);
    server.socket?.close(1001);
    await connected(2);
    await server.stop();
    await until(
      'refused attempts',
      () => messages.filter((line) => line.includes('ECONNREFUSED')).length > 2,
    );
    await server.start();
    await connected(3);
  });

  it('gives up a connection on which the server is silent', async () => {
    connect(server.url, { heartbeatMs: 100 });
    await connected(1);
    // Reads nothing any more, pings included.
    server.socket?.pause();
    await connected(2);
  });

  it('ends with `refused` when the server does not know the credential', async () => {
    server.credentials.clear();
    connect(server.url);
    expect(await kept).toBe('refused');
  });

  it('ends with `refused` when the server says so later', async () => {
    connect(server.url);
    await hello();
    server.socket?.close(AgentCloseCode.credentialRefused);
    expect(await kept).toBe('refused');
  });

  it('does not talk with a server of another protocol version, and is slow to come back', async () => {
    server.settings = { type: 'settings', protocol: 2, interval_seconds: 1 };
    connect(server.url, { maxMs: 60_000 });
    const line = await until('the end', () => messages.find((message) => message.includes('next attempt')));
    expect(line).toContain('agent speaks 1');
    expect(Number(/in ([\d.]+) s/.exec(line)?.[1])).toBeGreaterThanOrEqual(5);
  });

  it('ends when told to, also while it waits for the next attempt', async () => {
    await server.stop();
    connect(server.url, { maxMs: 60_000 });
    await until('a failed attempt', () => messages.length > 0);
    ending.abort();
    expect(await kept).toBe('aborted');
    await server.start();
  });
});
