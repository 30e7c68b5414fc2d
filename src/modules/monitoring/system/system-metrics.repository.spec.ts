import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import type { HostSample } from './host-sampler.js';
import { SystemMetricsRepository } from './system-metrics.repository.js';

const MINUTE = 60_000;
const sample = (at: Date, cpuPercent: number, gpu?: number): HostSample => ({
  at,
  cpuPercent,
  memory: { total: 100, used: 50, available: 50, percent: 50 },
  disk: { total: 100, used: 20, available: 80, percent: 20 },
  networkRx: 1000,
  networkTx: 10,
  gpus: gpu === undefined ? [] : [{ name: 'GPU', utilization_percent: gpu, memory_percent: null }],
});

describe('SystemMetricsRepository', () => {
  const metrics = new SystemMetricsRepository();
  let db: TestDatabase;

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  beforeEach(() => db.sql('TRUNCATE system_metrics, system_metrics_minutes'));
  afterAll(() => db.close());

  const add = (node: string, ...samples: HostSample[]) =>
    db.database.system(async (tx) => {
      for (const each of samples) await metrics.add(tx, node, each);
    });
  const history = (limit: number, resolution: 'raw' | 'minute' = 'raw') =>
    db.database.system((tx) => metrics.history(tx, 'a', limit, resolution));
  const rollUp = () => db.database.system((tx) => metrics.rollUp(tx));
  const minuteAgo = (n: number) => new Date(Math.floor(Date.now() / MINUTE) * MINUTE - n * MINUTE);

  it('gives the newest points of one node, oldest first', async () => {
    const start = minuteAgo(5).getTime();
    await add('a', ...[1, 2, 3, 4].map((n) => sample(new Date(start + n * 1000), n)));
    await add('b', sample(new Date(start + 9000), 99));
    expect((await history(3)).map((row) => row.cpu_percent)).toEqual([2, 3, 4]);
  });

  it('makes means of whole minutes, again and again without doubling, and makes gaps good', async () => {
    await add('a', sample(minuteAgo(3), 10, 50), sample(new Date(minuteAgo(3).getTime() + 5000), 20));
    await rollUp();
    await rollUp();
    await add('a', sample(minuteAgo(2), 40), sample(new Date(minuteAgo(2).getTime() + 5000), 60));
    await add('a', sample(new Date(), 99));
    await rollUp();
    const rows = await history(10, 'minute');
    expect(rows.map(({ at, cpu_percent, gpu_percent }) => ({ at, cpu_percent, gpu_percent }))).toEqual([
      { at: minuteAgo(3), cpu_percent: 15, gpu_percent: 50 },
      { at: minuteAgo(2), cpu_percent: 50, gpu_percent: null },
    ]);
    expect(await db.sql('SELECT samples FROM system_metrics_minutes')).toEqual([
      { samples: 2 },
      { samples: 2 },
    ]);
  });

  it('keeps samples for a day and minutes for thirty', async () => {
    const hours = (n: number) => new Date(Date.now() - n * 3_600_000);
    await add('a', sample(hours(25), 1), sample(hours(23), 2));
    await rollUp();
    await db.sql(`UPDATE system_metrics_minutes SET at = at - interval '31 days' WHERE cpu_percent = 2`);
    await db.database.system((tx) => metrics.deleteExpired(tx));
    expect((await history(10)).map((row) => row.cpu_percent)).toEqual([2]);
    expect((await history(10, 'minute')).map((row) => row.cpu_percent)).toEqual([1]);
  });
});
