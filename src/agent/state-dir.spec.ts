import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../test/support/until.js';
import { groupExists, terminateGroup } from './process-group.js';
import { groupMembers } from './procfs.js';
import { AgentAlreadyRunning, StateDir } from './state-dir.js';

const FOREVER = 'setInterval(() => {}, 1000)';

describe('StateDir', () => {
  let path: string;
  let state: StateDir;
  let groups: number[];

  /** The leader of a group of its own; `ended` when this process has seen it die. */
  const leader = async (script = FOREVER) => {
    const child: ChildProcess = spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' });
    const pid = child.pid as number;
    groups.push(pid);
    return { pid, ended: new Promise((resolve) => child.once('exit', resolve)) };
  };
  const change = (file: string, members: object) => {
    const stored = JSON.parse(readFileSync(join(path, file), 'utf8'));
    writeFileSync(join(path, file), JSON.stringify({ ...stored, ...members }));
  };
  const startTicks = () => JSON.parse(readFileSync(join(path, 'process.json'), 'utf8')).start_ticks as number;

  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'agent-state-')), 'node-a');
    state = new StateDir(path);
    groups = [];
  });
  afterEach(async () => {
    for (const group of groups) await terminateGroup(group, 0);
    rmSync(join(path, '..'), { recursive: true });
  });

  it('keeps the credential in a file that only this user reads', () => {
    const credential = { server: 'http://a', worker_id: 'worker_1', credential: 'secret' };
    state.saveCredential(credential);
    expect(new StateDir(path).credentialFor('http://a')).toEqual(credential);
    expect(statSync(join(path, 'credential.json')).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('does not show a credential to another server', () => {
    state.saveCredential({ server: 'http://a', worker_id: 'worker_1', credential: 'secret' });
    expect(state.credentialFor('http://b')).toBeNull();
  });

  it('lets one living agent in, and the next after it is gone', () => {
    state.lock();
    expect(() => new StateDir(path).lock()).toThrow(AgentAlreadyRunning);
    state.unlock();
    new StateDir(path).lock();
  });

  it('takes over the lock of an agent that was killed, also when its pid was given away again', () => {
    state.lock();
    change('agent.lock', { start_ticks: 1 });
    expect(() => new StateDir(path).lock()).not.toThrow();
  });

  it('stops the process group that was left over', async () => {
    const { pid } = await leader();
    state.began(pid);
    expect(await new StateDir(path).stopLeftOver(5_000)).toBe(pid);
    expect(groupExists(pid)).toBe(false);
    expect(await new StateDir(path).stopLeftOver(5_000)).toBeNull();
  });

  it('leaves a process alone that only has the pid', async () => {
    const { pid } = await leader();
    state.began(pid);
    change('process.json', { start_ticks: startTicks() - 1 });
    expect(await new StateDir(path).stopLeftOver(5_000)).toBeNull();
    expect(groupExists(pid)).toBe(true);
  });

  it('leaves a process alone that was noted before the machine was started', async () => {
    const { pid } = await leader();
    state.began(pid);
    change('process.json', { boot_id: '00000000-0000-0000-0000-000000000000' });
    expect(await new StateDir(path).stopLeftOver(5_000)).toBeNull();
    expect(groupExists(pid)).toBe(true);
  });

  describe('when the leader has died meanwhile', () => {
    let group: number;
    let seenTicks: number;

    beforeEach(async () => {
      const { pid, ended } = await leader(
        `require('child_process').spawn(process.execPath, ['-e', '${FOREVER}'], { stdio: 'ignore' }); ${FOREVER}`,
      );
      group = pid;
      await until('the grandchild', () => groupMembers(group).length === 2);
      state.began(group);
      // ticks are hundredths of a second: it must have been seen in a later one than that in which all of it lived
      await until('a later tick', () => {
        state.seen();
        seenTicks = JSON.parse(readFileSync(join(path, 'process.json'), 'utf8')).seen_ticks;
        return groupMembers(group).every(({ startTicks }) => startTicks < seenTicks);
      });
      process.kill(group, 'SIGKILL');
      await ended;
    });

    it('stops what is left of its group', async () => {
      expect(seenTicks).toBeGreaterThan(0);
      expect(await new StateDir(path).stopLeftOver(5_000)).toBe(group);
      expect(groupExists(group)).toBe(false);
    });

    it('leaves alone what started after the leader was last seen', async () => {
      change('process.json', { seen_ticks: startTicks() - 1 });
      expect(await new StateDir(path).stopLeftOver(5_000)).toBeNull();
      expect(groupExists(group)).toBe(true);
    });
  });
});
