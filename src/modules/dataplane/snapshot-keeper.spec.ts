import { poolConfig, sliceOf } from '../../../test/support/dataplane.js';
import { until } from '../../../test/support/until.js';
import { type DataPlaneEngine, SnapshotRefused } from './engine.js';
import type { Snapshot, TenantSlice } from './snapshot.js';
import { snapshotHash } from './snapshot-hash.js';
import { SnapshotKeeper } from './snapshot-keeper.js';

const slice = (tenantId: string, name: string) => sliceOf(tenantId, [poolConfig(name, [])], []);
const empty = (tenantId: string) => sliceOf(tenantId, [], []);

/** A database of slices with the version that last changed each, and an engine that remembers what it was given. */
function setUp() {
  const state = { version: 1, slices: new Map<string, { slice: TenantSlice; version: number }>() };
  const applied: Snapshot[] = [];
  const outcomes: [number, string | null][] = [];
  const gone: string[] = [];
  const control = { refuse: null as string | null, down: false, reads: 0, gate: Promise.resolve() };
  const held: { snapshot: Snapshot; done(error?: Error): void }[] = [];
  const hold = { on: false };
  const engine = {
    apply: async (snapshot: Snapshot) => {
      if (control.refuse) throw new SnapshotRefused(control.refuse);
      for (const { tenantId, pools } of snapshot.tenants.values())
        if (pools.some(({ name }) => name === 'bad'))
          throw Object.assign(new SnapshotRefused(`bad of ${tenantId}`), { tenantId });
      if (hold.on)
        await new Promise<void>((ok, fail) => {
          held.push({ snapshot, done: (error) => (error ? fail(error) : ok()) });
        });
      applied.push(snapshot);
    },
  } as unknown as DataPlaneEngine;
  const keeper = new SnapshotKeeper({
    engine,
    read: async (since) => {
      control.reads++;
      await control.gate;
      if (control.down) throw new Error('ECONNREFUSED');
      const changed = [...state.slices].filter(([, entry]) => entry.version > since);
      return { version: state.version, tenants: new Map(changed.map(([id, entry]) => [id, entry.slice])) };
    },
    onOutcome: (version, error) => outcomes.push([version, error?.message ?? null]),
    onSlice: (id, s) => s ?? gone.push(id),
  });
  const write = (next: TenantSlice) => {
    state.version++;
    state.slices.set(next.tenantId, { slice: structuredClone(next), version: state.version });
  };
  return { keeper, control, applied, outcomes, gone, write, hold, held };
}

describe('SnapshotKeeper', () => {
  it('reads everything first and then only what changed; the rest stays the same objects', async () => {
    const { keeper, applied, write } = setUp();
    write(slice('tenant_a', 'one'));
    write(slice('tenant_b', 'one'));
    await keeper.refresh();
    write(slice('tenant_b', 'two'));
    await keeper.refresh();
    expect(applied.map((s) => s.version)).toEqual([3, 4]);
    expect(applied[1]!.tenants.get('tenant_a')).toBe(applied[0]!.tenants.get('tenant_a'));
    expect(applied[1]!.tenants.get('tenant_b')!.pools[0]!.name).toBe('two');
    await keeper.stop();
  });

  it('takes changes that come during a pass together in one more', async () => {
    const { keeper, control, applied, write } = setUp();
    let open = () => {};
    control.gate = new Promise<void>((ok) => {
      open = ok;
    });
    const first = keeper.refresh();
    await until('the first read', () => control.reads === 1);
    const later = Array.from({ length: 20 }, (_, i) => {
      write(slice('tenant_a', `n${i}`));
      return keeper.refresh();
    });
    open();
    await Promise.all([first, ...later]);
    expect(control.reads).toBe(2);
    expect(applied.at(-1)!.tenants.get('tenant_a')!.pools[0]!.name).toBe('n19');
    await keeper.stop();
  });

  it('hands newer snapshots over while the engine is busy with one', async () => {
    const { keeper, applied, write, hold, held } = setUp();
    hold.on = true;
    const passes: Promise<void>[] = [];
    for (let i = 0; i < 3; i++) {
      write(slice(`tenant_${i}`, 'one'));
      passes.push(keeper.refresh());
      await until('it is handed over', () => held.length === i + 1);
    }
    expect(held.map(({ snapshot }) => snapshot.tenants.size)).toEqual([1, 2, 3]);
    expect(keeper.current.version).toBe(0);
    for (const { done } of held) done();
    await Promise.all(passes);
    expect(keeper.current).toBe(applied.at(-1));
    expect(keeper.current.version).toBe(4);
    await keeper.stop();
  });

  it('a change waits until it is in effect, not only handed over', async () => {
    const { keeper, write, hold, held } = setUp();
    hold.on = true;
    write(slice('tenant_a', 'one'));
    const pass = keeper.refresh();
    await until('it is handed over', () => held.length === 1);
    const again = keeper.refresh().then(() => keeper.current.version);
    held[0]!.done();
    expect(await again).toBe(2);
    await pass;
    await keeper.stop();
  });

  it('waits for a version with the pass that its notification began, and reads again only when that came too early', async () => {
    const { keeper, control, write, hold, held } = setUp();
    hold.on = true;
    write(slice('tenant_a', 'one'));
    void keeper.refresh();
    const inEffect = keeper.reached(2).then(() => keeper.current.version);
    await until('it is handed over', () => held.length === 1);
    held[0]!.done();
    expect(await inEffect).toBe(2);
    expect(control.reads).toBe(1);
    hold.on = false;
    write(slice('tenant_a', 'two'));
    await keeper.reached(3);
    expect(keeper.current.version).toBe(3);
    control.refuse = 'wrong';
    write(slice('tenant_a', 'three'));
    await keeper.reached(4);
    expect(keeper.lastError).toBe('wrong');
    await keeper.stop();
  });

  it('when one of several is refused, the older one that took its place counts, and the error stays', async () => {
    const { keeper, write, hold, held, outcomes } = setUp();
    hold.on = true;
    for (const [i, name] of ['one', 'two'].entries()) {
      write(slice('tenant_a', name));
      void keeper.refresh();
      await until('it is handed over', () => held.length === i + 1);
    }
    held[1]!.done(new SnapshotRefused('wrong'));
    await until('the refusal', () => keeper.lastError === 'wrong');
    hold.on = false;
    held[0]!.done();
    await until('the older one', () => keeper.current.version === 2);
    expect(keeper.lastError).toBe('wrong');
    await until('the retry', () => keeper.current.version === 3);
    expect(keeper.current.tenants.get('tenant_a')!.pools[0]!.name).toBe('two');
    expect(outcomes).toEqual([
      [0, 'wrong'],
      [2, 'wrong'],
      [3, null],
    ]);
    await keeper.stop();
  });

  it('drops a tenant whose routing is gone', async () => {
    const { keeper, applied, gone, write } = setUp();
    write(slice('tenant_a', 'one'));
    await keeper.refresh();
    write(empty('tenant_a'));
    await keeper.refresh();
    expect(applied.at(-1)!.tenants.size).toBe(0);
    expect(gone).toEqual(['tenant_a']);
    await keeper.stop();
  });

  it('keeps the last good snapshot when the engine refuses the next, says why, and tries again by itself', async () => {
    const { keeper, control, outcomes, write } = setUp();
    write(slice('tenant_a', 'one'));
    await keeper.refresh();
    control.refuse = 'pool x is wrong';
    write(slice('tenant_a', 'two'));
    await keeper.refresh();
    expect(keeper.current.version).toBe(2);
    expect(keeper.desiredVersion).toBe(3);
    expect(keeper.lastError).toBe('pool x is wrong');
    control.refuse = null;
    await until('the retry', () => keeper.current.version === 3);
    expect(keeper.lastError).toBeNull();
    expect(outcomes).toEqual([
      [2, null],
      [2, 'pool x is wrong'],
      [3, null],
    ]);
    await keeper.stop();
  });

  it('a tenant whose slice is refused keeps its last good one; changes of others are in effect without it', async () => {
    const { keeper, outcomes, write } = setUp();
    const runs = (tenantId: string) => keeper.current.tenants.get(tenantId)?.pools[0]?.name;
    write(slice('tenant_a', 'one'));
    write(slice('tenant_b', 'one'));
    await keeper.refresh();
    write(slice('tenant_a', 'bad'));
    write(slice('tenant_b', 'two'));
    await keeper.refresh();
    expect([keeper.current.version, runs('tenant_a'), runs('tenant_b')]).toEqual([5, 'one', 'two']);
    expect([keeper.lastError, keeper.refusalOf('tenant_a'), keeper.refusalOf('tenant_b')]).toEqual([
      'bad of tenant_a',
      'bad of tenant_a',
      null,
    ]);
    write(slice('tenant_b', 'three'));
    await keeper.refresh();
    expect([keeper.current.version, runs('tenant_b'), keeper.lastError]).toEqual([
      6,
      'three',
      'bad of tenant_a',
    ]);
    write(slice('tenant_a', 'good'));
    await keeper.refresh();
    expect([keeper.current.version, runs('tenant_a'), keeper.lastError]).toEqual([7, 'good', null]);
    expect(outcomes).toEqual([
      [3, null],
      [5, 'bad of tenant_a'],
      [6, 'bad of tenant_a'],
      [7, null],
    ]);
    await keeper.stop();
  });

  it('a tenant that was refused from the start is left out alone', async () => {
    const { keeper, write } = setUp();
    for (const id of ['tenant_a', 'tenant_c']) write(slice(id, 'bad'));
    write(slice('tenant_b', 'one'));
    await keeper.refresh();
    expect([...keeper.current.tenants.keys()]).toEqual(['tenant_b']);
    expect([keeper.current.version, keeper.refusalOf('tenant_a'), keeper.refusalOf('tenant_c')]).toEqual([
      4,
      'bad of tenant_a',
      'bad of tenant_c',
    ]);
    await keeper.stop();
  });

  it('a change that mends what an older snapshot under way is refused for is not held back', async () => {
    const { keeper, write, hold, held } = setUp();
    hold.on = true;
    write(slice('tenant_a', 'one'));
    const first = keeper.refresh();
    await until('it is handed over', () => held.length === 1);
    write(slice('tenant_a', 'two'));
    const second = keeper.refresh();
    await until('the next is handed over', () => held.length === 2);
    held[0]!.done(Object.assign(new SnapshotRefused('wrong'), { tenantId: 'tenant_a' }));
    hold.on = false;
    held[1]!.done();
    await Promise.all([first, second]);
    expect([keeper.current.version, keeper.lastError, keeper.refusalOf('tenant_a')]).toEqual([3, null, null]);
    expect(keeper.current.tenants.get('tenant_a')!.pools[0]!.name).toBe('two');
    await keeper.stop();
  });

  it('goes on with what runs while the database is away, and catches up when it is back', async () => {
    const { keeper, control, write } = setUp();
    write(slice('tenant_a', 'one'));
    await keeper.refresh();
    control.down = true;
    write(slice('tenant_b', 'one'));
    await keeper.refresh();
    expect(keeper.current.tenants.has('tenant_a')).toBe(true);
    control.down = false;
    await until('the retry', () => keeper.current.tenants.has('tenant_b'));
    await keeper.stop();
  });

  it('never goes back to an older version', async () => {
    const { keeper, applied, write } = setUp();
    write(slice('tenant_a', 'one'));
    await keeper.refresh();
    await keeper.refresh();
    expect(applied.map((s) => s.version)).toEqual([2]);
    await keeper.stop();
  });

  it('begins no pass after it was stopped', async () => {
    const { keeper, control, write } = setUp();
    await keeper.stop();
    write(slice('tenant_a', 'one'));
    await keeper.refresh();
    expect(control.reads).toBe(0);
  });
});

describe('snapshotHash', () => {
  const snapshot = (version: number, ...slices: TenantSlice[]): Snapshot => ({
    version,
    tenants: new Map(slices.map((s) => [s.tenantId, s])),
  });

  it('is equal for equal configurations, whatever the version, order of tenants and keys', () => {
    const [a, b] = [slice('tenant_a', 'one'), slice('tenant_b', 'two')];
    const turned = Object.fromEntries(Object.entries(a).reverse()) as unknown as TenantSlice;
    expect(snapshotHash(snapshot(1, a, b))).toBe(snapshotHash(snapshot(2, b, turned)));
    expect(snapshotHash(snapshot(1, a, b))).not.toBe(snapshotHash(snapshot(1, a)));
    expect(snapshotHash(snapshot(1, a))).toMatch(/^[0-9a-f]{64}$/);
  });
});
