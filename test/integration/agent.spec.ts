import { statSync } from 'node:fs';
import { join } from 'node:path';
import { groupExists, terminateGroup } from '../../src/agent/process-group.js';
import { AgentProgram, type AgentRun } from '../support/agent-program.js';
import { AgentServer } from '../support/agent-server.js';
import { until } from '../support/until.js';

/** Prints a line, then runs for ever, with a child of its own. */
const COMMAND = [
  process.execPath,
  '-e',
  `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
   console.log('working on ' + process.argv[1]); setInterval(() => {}, 1000);`,
  'a  b; $HOME',
];

describe('the agent program', () => {
  let program: AgentProgram;
  let server: AgentServer;

  const run = (...flags: string[]): AgentRun =>
    program.run('--server', server.url, '--name', 'node-a', ...flags, '--', ...COMMAND);
  const enrolled = async () => {
    const agent = run('--token', 'one-time');
    await inState('running');
    return agent;
  };
  const inState = (state: string) => until(`the state ${state}`, () => server.state === state);
  const pid = () => server.framesOf('report').at(-1)?.process.pid as number;
  const otherPid = (than: number) =>
    until('another process', () => (server.state === 'running' && pid() !== than ? pid() : null));

  beforeEach(async () => {
    program = new AgentProgram();
    server = await new AgentServer().start();
  });
  afterEach(async () => {
    await program.remove();
    await server.stop();
  });

  it('enrols once, keeps its credential, and needs no token the next time', async () => {
    const first = await enrolled();
    expect(server.enrollments).toMatchObject([{ token: 'one-time', name: 'node-a' }]);
    const file = join(program.directory, '.data/agent/node-a/credential.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await first.end('SIGTERM')).toBe(0);
    server.frames.length = 0;
    run();
    await inState('running');
    expect(server.enrollments).toHaveLength(1);
  });

  it('passes the command’s output on, with its name before each line', async () => {
    const agent = await enrolled();
    await until('the output', () => agent.output.includes('[node-a] working on a  b; $HOME\n'));
    expect(agent.output).not.toContain('one-time');
    expect(agent.output).not.toContain('credential-1');
  });

  it('says what it runs, without the arguments', async () => {
    await enrolled();
    expect(server.framesOf('hello')[0]).toMatchObject({ protocol: 1, command: 'node', platform: 'linux' });
    expect(JSON.stringify(server.frames)).not.toContain('$HOME');
  });

  it('starts, stops and restarts when told, and confirms what is really so', async () => {
    await enrolled();
    const first = pid();
    expect(await server.command('stop')).toMatchObject({
      ok: true,
      process: { state: 'stopped', pid: null },
    });
    expect(groupExists(first)).toBe(false);
    const started = await server.command('start');
    expect(started).toMatchObject({ ok: true, process: { state: 'running' } });
    expect(groupExists(started.process.pid as number)).toBe(true);
    const restarted = await server.command('restart');
    expect(restarted).toMatchObject({ ok: true, process: { state: 'running', restarts: 0 } });
    expect(restarted.process.pid).not.toBe(started.process.pid);
    expect(groupExists(started.process.pid as number)).toBe(false);
  });

  it('starts the command again after `kill -9`', async () => {
    await enrolled();
    const first = pid();
    process.kill(first, 'SIGKILL');
    const second = await otherPid(first);
    expect(groupExists(first)).toBe(false);
    expect(groupExists(second)).toBe(true);
    expect(server.framesOf('report').at(-1)?.process).toMatchObject({
      restarts: 1,
      last_exit_signal: 'SIGKILL',
    });
  });

  it('keeps the command running while the server is away', async () => {
    await enrolled();
    const first = pid();
    await server.stop();
    await server.start();
    await until('a second connection', () => server.connections === 2);
    server.frames.length = 0;
    await inState('running');
    expect(pid()).toBe(first);
  });

  it('stops the command before it ends itself', async () => {
    const agent = await enrolled();
    const group = pid();
    expect(await agent.end('SIGINT')).toBe(0);
    expect(groupExists(group)).toBe(false);
    await inState('stopped');
  });

  it('after `kill -9` of the agent, the next one clears the left-over command and starts anew', async () => {
    const killed = await enrolled();
    const group = pid();
    await killed.end('SIGKILL');
    try {
      expect(groupExists(group)).toBe(true);
      const agent = run();
      await otherPid(group);
      expect(groupExists(group)).toBe(false);
      expect(agent.output).toContain(`stopped process group ${group}`);
    } finally {
      await terminateGroup(group, 0);
    }
  });

  it('lets no second agent work in the same state directory', async () => {
    await enrolled();
    const group = pid();
    const second = run();
    expect(await second.exited).toBe(1);
    expect(second.output).toContain('another agent');
    expect(groupExists(group)).toBe(true);
  });

  it('starts nothing when its token is refused', async () => {
    server.enrollStatus = 401;
    const agent = run('--token', 'used');
    expect(await agent.exited).toBe(1);
    expect(agent.output).toContain('enrolment refused');
    expect(agent.output).not.toContain('working on');
  });

  it('enrols anew with a fresh token when its credential is no longer known', async () => {
    const first = await enrolled();
    await first.end('SIGTERM');
    server.credentials.clear();
    server.frames.length = 0;
    run('--token', 'fresh');
    await inState('running');
    expect(server.enrollments.map((request) => request.token)).toEqual(['one-time', 'fresh']);
  });

  it('keeps the command running when its credential is no longer known and there is no token', async () => {
    const agent = await enrolled();
    const group = pid();
    server.credentials.clear();
    server.socket?.close(4401);
    await until('the refusal', () => agent.output.includes('refuses the credential'));
    expect(groupExists(group)).toBe(true);
  });

  it('says how it is used when it is used wrongly', async () => {
    const agent = program.run('--server', 'nonsense');
    expect(await agent.exited).toBe(2);
    expect(agent.output).toContain('Usage: npm run agent');
  });
});
