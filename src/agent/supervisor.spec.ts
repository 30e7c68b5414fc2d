import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { until } from '../../test/support/until.js';
import type { ProcessState } from '../common/agent-protocol.js';
import { groupExists } from './process-group.js';
import { isDead, readProcess } from './procfs.js';
import { Supervisor, type SupervisorPolicy } from './supervisor.js';

const QUICK: SupervisorPolicy = {
  settleMs: 100,
  graceMs: 5_000,
  backoff: { initialMs: 20, maxMs: 100 },
  stableMs: 60_000,
  maxRestarts: 10,
  windowMs: 60_000,
};
/** For commands that end by themselves: they are never slow enough to count as running. */
const NEVER_SETTLED = { settleMs: 30_000 };
const LONG = { initialMs: 60_000, maxMs: 60_000 };
const SLEEPER = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

const isAlive = (pid: number) => {
  const entry = readProcess(pid);
  return entry !== null && !isDead(entry);
};

describe('Supervisor', () => {
  let supervisor: Supervisor;
  let states: ProcessState[];
  let lives: (number | 'ended')[];
  let directory: string;

  const supervise = (argv: readonly string[], policy: Partial<SupervisorPolicy> = {}) => {
    states = [];
    lives = [];
    const record = { began: (pid: number) => lives.push(pid), ended: () => lives.push('ended') };
    supervisor = new Supervisor(argv, { ...QUICK, ...policy }, record, nowhere, (status) =>
      states.push(status.state),
    );
    return supervisor;
  };
  const running = () => until('a running process', () => supervisor.status().state === 'running');
  const pid = () => supervisor.status().pid as number;
  /** A node program that starts a grandchild and writes its pid to a file. */
  const withGrandchild = (program: string) => {
    const file = join(directory, 'grandchild.pid');
    const script = `
      const child = require('child_process').spawn(process.execPath, ['-e', process.argv[2]], { stdio: 'ignore' });
      require('fs').writeFileSync(process.argv[1], String(child.pid));
      setInterval(() => {}, 1000);`;
    const grandchild = () => until('the grandchild', () => readNumber(file));
    return { argv: [process.execPath, '-e', script, file, program], grandchild };
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'agent-supervisor-'));
  });
  afterEach(async () => {
    await supervisor.shutdown();
    rmSync(directory, { recursive: true });
  });

  it('starts the command and calls it running once it has settled', async () => {
    expect(await supervise(SLEEPER).perform('start')).toEqual({ ok: true, error: null });
    expect(states).toEqual(['starting', 'running']);
    expect(isAlive(pid())).toBe(true);
    expect(supervisor.status()).toMatchObject({ restarts: 0, last_exit_code: null, error: null });
    expect(supervisor.status().uptime_seconds).toBeGreaterThan(0);
  });

  it('starts the command again after it was killed, and counts the restart', async () => {
    await supervise(SLEEPER).perform('start');
    const first = pid();
    process.kill(first, 'SIGKILL');
    await until('another process', () => supervisor.status().state === 'running' && pid() !== first);
    expect(states).toEqual(['starting', 'running', 'backoff', 'backoff', 'starting', 'running']);
    expect(supervisor.status()).toMatchObject({
      restarts: 1,
      last_exit_code: null,
      last_exit_signal: 'SIGKILL',
    });
    expect(lives).toEqual([first, 'ended', pid()]);
  });

  it('clears what a dead command left in its group before the next start', async () => {
    const { argv, grandchild } = withGrandchild('setInterval(() => {}, 1000)');
    await supervise(argv).perform('start');
    const first = pid();
    const left = await grandchild();
    process.kill(first, 'SIGKILL');
    await until('another process', () => supervisor.status().state === 'running' && pid() !== first);
    expect(isAlive(left)).toBe(false);
  });

  it('gives a command up that dies too often, and starts it again when told', async () => {
    const file = join(directory, 'starts');
    const script = 'require("fs").appendFileSync(process.argv[1], "x"); process.exit(3)';
    await supervise([process.execPath, '-e', script, file], { ...NEVER_SETTLED, maxRestarts: 2 }).perform(
      'start',
    );
    await until('the limit', () => supervisor.status().state === 'failed');
    expect(readFileSync(file, 'utf8')).toBe('xxx');
    expect(supervisor.status()).toMatchObject({ restarts: 2, last_exit_code: 3, pid: null });
    expect(supervisor.status().error).toContain('restarted too often');
    await supervisor.perform('start');
    await until('the limit again', () => supervisor.status().state === 'failed');
    expect(readFileSync(file, 'utf8')).toBe('xxxxxx');
  });

  it('stops the whole process group, grandchildren included', async () => {
    const { argv, grandchild } = withGrandchild('setInterval(() => {}, 1000)');
    await supervise(argv).perform('start');
    const group = pid();
    const child = await grandchild();
    expect(await supervisor.perform('stop')).toEqual({ ok: true, error: null });
    expect([isAlive(group), isAlive(child), groupExists(group)]).toEqual([false, false, false]);
    expect(supervisor.status()).toMatchObject({ state: 'stopped', pid: null, last_exit_signal: 'SIGTERM' });
    expect(lives).toEqual([group, 'ended']);
  });

  it('kills what ignores SIGTERM after the grace period', async () => {
    const ready = join(directory, 'ready');
    const told = join(directory, 'told');
    const { argv, grandchild } = withGrandchild(`
      process.on('SIGTERM', () => require('fs').writeFileSync('${told}', 'x'));
      setInterval(() => {}, 1000);
      require('fs').writeFileSync('${ready}', 'x');`);
    await supervise(argv, { graceMs: 1_000 }).perform('start');
    const child = await grandchild();
    await until('the handler of SIGTERM', () => readText(ready));
    expect((await supervisor.perform('stop')).ok).toBe(true);
    expect(readText(told)).toBe('x');
    expect(isAlive(child)).toBe(false);
  });

  it('leaves a process of another group alone', async () => {
    const script = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
      { stdio: 'ignore', detached: true }).on('spawn', function () {
        require('fs').writeFileSync(process.argv[1], String(this.pid)); });
      setInterval(() => {}, 1000);`;
    const file = join(directory, 'stranger.pid');
    await supervise([process.execPath, '-e', script, file]).perform('start');
    const stranger = await until('the stranger', () => readNumber(file));
    try {
      await supervisor.perform('stop');
      expect(isAlive(stranger)).toBe(true);
    } finally {
      process.kill(stranger, 'SIGKILL');
    }
  });

  it('does not start a stopped command by itself, and starts it when told', async () => {
    await supervise(SLEEPER).perform('start');
    await supervisor.perform('stop');
    states.length = 0;
    expect(await supervisor.perform('start')).toEqual({ ok: true, error: null });
    expect(states).toEqual(['starting', 'running']);
    expect(supervisor.status().restarts).toBe(0);
  });

  it('restart brings a new process, and only after the old group is gone', async () => {
    await supervise(SLEEPER).perform('start');
    const first = pid();
    expect((await supervisor.perform('restart')).ok).toBe(true);
    expect(lives).toEqual([first, 'ended', pid()]);
    expect(isAlive(first)).toBe(false);
    expect(isAlive(pid())).toBe(true);
  });

  it('start and stop are confirmed at once when the state holds already', async () => {
    await supervise(SLEEPER).perform('start');
    const first = pid();
    expect((await supervisor.perform('start')).ok).toBe(true);
    expect(pid()).toBe(first);
    await supervisor.perform('stop');
    expect((await supervisor.perform('stop')).ok).toBe(true);
  });

  it('a start that fails says how the process ended', async () => {
    supervise([process.execPath, '-e', 'process.exit(7)'], { ...NEVER_SETTLED, backoff: LONG });
    expect(await supervisor.perform('start')).toEqual({ ok: false, error: 'exited with code 7' });
    expect(supervisor.status()).toMatchObject({ state: 'backoff', last_exit_code: 7 });
  });

  it('a program that does not exist is a failed start, not a crash', async () => {
    supervise(['/no/such/program'], { ...NEVER_SETTLED, backoff: LONG });
    const outcome = await supervisor.perform('start');
    expect(outcome).toEqual({ ok: false, error: expect.stringContaining('ENOENT') });
    expect(supervisor.status()).toMatchObject({ state: 'backoff', pid: null });
  });

  it('stop ends the waiting for the next start', async () => {
    const argv = [process.execPath, '-e', 'process.exit(7)'];
    const policy = { ...NEVER_SETTLED, backoff: { initialMs: 50, maxMs: 50 } };
    const clock = supervise(argv, policy);
    supervise(argv, policy);
    await supervisor.perform('start');
    await supervisor.perform('stop');
    expect(supervisor.status()).toMatchObject({ state: 'stopped', error: null });
    // Another one with the same back-off, started later, shows that the time for a next start has passed.
    await clock.perform('start');
    await until('a restart of the other one', () => clock.status().restarts > 0);
    expect(supervisor.status().restarts).toBe(0);
    await clock.shutdown();
  });

  it('commands given at the same time are carried out in their order', async () => {
    await supervise(SLEEPER).perform('start');
    states.length = 0;
    const outcomes = await Promise.all([
      supervisor.perform('stop'),
      supervisor.perform('start'),
      supervisor.perform('stop'),
    ]);
    expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, true, true]);
    expect(states).toEqual(['stopping', 'stopped', 'starting', 'running', 'stopping', 'stopped']);
  });

  it('shutdown stops the command and refuses what comes later', async () => {
    await supervise(SLEEPER).perform('start');
    await running();
    const group = pid();
    expect((await supervisor.shutdown()).ok).toBe(true);
    expect(groupExists(group)).toBe(false);
    expect(await supervisor.perform('start')).toEqual({ ok: false, error: 'the agent is shutting down' });
  });

  it('passes the arguments as they are, without a shell', async () => {
    const file = join(directory, 'argument');
    const script =
      'require("fs").writeFileSync(process.argv[1], process.argv[2]); setInterval(() => {}, 1000)';
    await supervise([process.execPath, '-e', script, file, '$HOME; echo `id` "x"']).perform('start');
    expect(await until('the file', () => readText(file))).toBe('$HOME; echo `id` "x"');
  });
});

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function readNumber(file: string): number {
  return Number(readText(file) ?? 0);
}
