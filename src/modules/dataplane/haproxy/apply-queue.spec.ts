import { snapshotOf } from '../contract/support.js';
import { ApplyQueue, type ApplyTarget, Postponed } from './apply-queue.js';

/** A queue whose runs wait until they are let go. */
function setUp() {
  const runs: {
    version: () => number;
    target: ApplyTarget;
    succeed: () => void;
    fail: (error: Error) => void;
  }[] = [];
  const queue = new ApplyQueue(
    snapshotOf(0),
    (target) =>
      new Promise((resolve, reject) => {
        runs.push({ version: () => target.snapshot.version, target, succeed: resolve, fail: reject });
      }),
  );
  return { queue, runs };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the queue of snapshots', () => {
  it('what comes while one is applied costs one more run, with the newest', async () => {
    const { queue, runs } = setUp();
    const all = [1, 2, 3, 4].map((version) => queue.push(snapshotOf(version)));
    runs[0].succeed();
    await all[0];
    await turn();
    expect(runs.map(({ version }) => version())).toEqual([1, 4]);
    runs[1].succeed();
    await Promise.all(all);
    expect(queue.version).toBe(4);
  });

  it('an older snapshot than the one in effect is in effect already', async () => {
    const { queue, runs } = setUp();
    const applied = queue.push(snapshotOf(5));
    runs[0].succeed();
    await applied;
    await queue.push(snapshotOf(3));
    expect(runs).toHaveLength(1);
  });

  it('when the newest is refused, the next older one that waits is tried', async () => {
    const { queue, runs } = setUp();
    const first = queue.push(snapshotOf(1));
    const good = queue.push(snapshotOf(2));
    const bad = queue.push(snapshotOf(3));
    const refused = expect(bad).rejects.toThrow('no');
    runs[0].succeed();
    await first;
    await turn();
    runs[1].fail(new Error('no'));
    await refused;
    await turn();
    expect(runs[2].version()).toBe(2);
    runs[2].succeed();
    await good;
    expect(queue.version).toBe(2);
  });

  it('settling takes up what came meanwhile', async () => {
    const { queue, runs } = setUp();
    const first = queue.push(snapshotOf(1));
    const settled = runs[0].target.settle(0);
    const second = queue.push(snapshotOf(2));
    await settled;
    expect(runs[0].version()).toBe(2);
    runs[0].succeed();
    await Promise.all([first, second]);
    expect(runs).toHaveLength(1);
  });

  it('a poke runs what is in effect again', async () => {
    const { queue, runs } = setUp();
    const first = queue.push(snapshotOf(1));
    runs[0].succeed();
    await first;
    await turn();
    const poked = queue.poke();
    expect(runs[1].version()).toBe(1);
    runs[1].succeed();
    await poked;
  });

  it('what is postponed waits for the next poke', async () => {
    const { queue, runs } = setUp();
    const applied = queue.push(snapshotOf(1));
    runs[0].fail(new Postponed());
    await turn();
    expect(runs).toHaveLength(1);
    const poked = queue.poke();
    runs[1].succeed();
    await Promise.all([applied, poked]);
    expect(queue.version).toBe(1);
  });

  it('closing rejects what waits', async () => {
    const { queue } = setUp();
    const waiting = queue.push(snapshotOf(1));
    queue.close(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await expect(queue.push(snapshotOf(2))).rejects.toThrow('stopped');
  });
});
