import { describeWithHaproxy, removeTemporaryDirectories, temporaryDirectory } from '../contract/haproxy.js';
import { backendOf, get, poolOf, routeOf, sliceOf, Upstream } from '../contract/support.js';
import type { TenantSlice } from '../snapshot.js';
import { SnapshotKeeper } from '../snapshot-keeper.js';
import { HaproxyEngine } from './haproxy-engine.js';

describeWithHaproxy('the keeper with HAProxy', () => {
  afterAll(removeTemporaryDirectories);

  it('a hundred writes at once, each of which needs a reload, cost one', async () => {
    const upstream = await Upstream.start('u');
    const engine = new HaproxyEngine({ directory: temporaryDirectory(), host: '127.0.0.1', httpPort: 0 });
    const state = { version: 1, slice: null as TenantSlice | null };
    const keeper = new SnapshotKeeper({
      engine,
      read: async () => ({
        version: state.version,
        tenants: new Map(state.slice ? [[state.slice.tenantId, state.slice]] : []),
      }),
      onOutcome: () => undefined,
    });
    const write = (i: number): Promise<void> => {
      const pool = poolOf([backendOf(upstream.port)], { responseTimeoutMs: 5000 + i });
      state.slice = sliceOf([pool], [routeOf({ host: `h${i}.test` })]);
      state.version++;
      return keeper.refresh();
    };
    try {
      await engine.start();
      await write(0);
      const { reloads } = engine;
      const writes: Promise<void>[] = [];
      for (let i = 1; i <= 100; i++) {
        writes.push(write(i));
        // Each is handed over by itself; a turn of the event loop in between may take any time on a busy machine.
        while (keeper.desiredVersion < state.version) await Promise.resolve();
      }
      await Promise.all(writes);
      expect(engine.reloads - reloads).toBe(1);
      expect((await get(engine, '/', { host: 'h100.test' })).status).toBe(200);
      expect(keeper.current.version).toBe(state.version);
    } finally {
      await keeper.stop();
      await engine.stop(0);
      await upstream.kill();
    }
  });
});
