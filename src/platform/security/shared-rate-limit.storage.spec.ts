import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { type Addition, PostgresCounters, type SharedCounters } from './shared-counters.js';
import { SharedRateLimitStorage } from './shared-rate-limit.storage.js';
import '../../../test/support/quiet.js';

describe('rate limits of several nodes', () => {
  let db: TestDatabase;
  let keys = 0;
  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());

  /** Counts what is asked of the database. */
  const counters = () => {
    const real = new PostgresCounters(db.database);
    const spy = { asked: 0, fail: false };
    const spied: SharedCounters = {
      add: (additions: readonly Addition[]) => {
        spy.asked++;
        return spy.fail ? Promise.reject(new Error('away')) : real.add(additions);
      },
      sweep: () => real.sweep(),
    };
    return { spy, spied };
  };
  const node = (nodes: number) => {
    const { spy, spied } = counters();
    const storage = new SharedRateLimitStorage(spied);
    storage.setNodes(nodes);
    return { spy, storage };
  };
  const admitted = async (storage: SharedRateLimitStorage, key: string, limit: number) =>
    (await storage.increment(key, 60_000, limit)).isBlocked ? 0 : 1;

  it('ask nobody where a node is alone', async () => {
    const { spy, storage } = node(1);
    const key = `k${++keys}`;
    let passed = 0;
    for (let i = 0; i < 50; i++) passed += await admitted(storage, key, 20);
    await storage.tellAll();
    expect([passed, spy.asked]).toEqual([20, 0]);
  });

  it.each([10, 100, 1000])('let through the limit of %d once, in turns', async (limit) => {
    const nodes = [node(3), node(3), node(3)];
    const key = `k${++keys}`;
    let passed = 0;
    for (let i = 0; i < 2 * limit; i++) passed += await admitted(nodes[i % 3]!.storage, key, limit);
    expect(passed).toBeGreaterThanOrEqual(limit);
    expect(passed).toBeLessThanOrEqual(limit * 1.25);
    const asked = nodes.reduce((sum, { spy }) => sum + spy.asked, 0);
    expect(asked).toBeLessThan(limit * 1.25 + nodes.length);
  });

  it('let through the limit once in a burst at all nodes', async () => {
    const nodes = [node(2), node(2)];
    const key = `k${++keys}`;
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) => admitted(nodes[i % 2]!.storage, key, 100)),
    );
    const passed = all.reduce<number>((a, b) => a + b, 0);
    expect(passed).toBeGreaterThanOrEqual(100);
    expect(passed).toBeLessThanOrEqual(125);
    // whoever waits at one node is counted together
    expect(nodes[0]!.spy.asked + nodes[1]!.spy.asked).toBeLessThan(20);
  });

  it('ask no more once the limit is reached', async () => {
    const { spy, storage } = node(2);
    const key = `k${++keys}`;
    for (let i = 0; i < 11; i++) await admitted(storage, key, 10);
    const { asked } = spy;
    for (let i = 0; i < 20; i++) expect(await admitted(storage, key, 10)).toBe(0);
    expect(spy.asked).toBe(asked);
  });

  it('know of what a node counted while it was alone', async () => {
    const [first, second] = [node(1), node(2)];
    const key = `k${++keys}`;
    for (let i = 0; i < 8; i++) await admitted(first.storage, key, 10);
    first.storage.setNodes(2);
    await first.storage.tellAll();
    let passed = 0;
    for (let i = 0; i < 10; i++) passed += await admitted(second.storage, key, 10);
    expect(passed).toBeLessThanOrEqual(3);
  });

  it('are each node’s own while the database is away', async () => {
    const { spy, storage } = node(2);
    spy.fail = true;
    const key = `k${++keys}`;
    let passed = 0;
    for (let i = 0; i < 30; i++) passed += await admitted(storage, key, 20);
    await storage.tellAll();
    expect(passed).toBe(20);
  });

  it('begin anew when the window ends', async () => {
    const { storage } = node(2);
    const key = `k${++keys}`;
    for (let i = 0; i < 12; i++) await admitted(storage, key, 10);
    await db.sql(`UPDATE rate_limit_windows SET ends_at = clock_timestamp() WHERE key = $1`, [key]);
    const other = node(2);
    let passed = 0;
    for (let i = 0; i < 12; i++) passed += await admitted(other.storage, key, 10);
    expect(passed).toBe(10);
    await new PostgresCounters(db.database).sweep();
    expect(await db.sql('SELECT 1 FROM rate_limit_windows WHERE key = $1', [key])).toHaveLength(1);
  });
});
