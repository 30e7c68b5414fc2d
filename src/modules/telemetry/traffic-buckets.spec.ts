import type { TrafficDelta } from '../../common/traffic.js';
import { LATENCY_BUCKETS } from './latency.js';
import { OTHER, TrafficBuckets } from './traffic-buckets.js';

const T0 = Date.UTC(2026, 0, 1, 12, 0, 5);
const MINUTE = 60_000;
const delta = (backendId: string): TrafficDelta => ({
  tenantId: 'tenant_a',
  routeId: 'route_a',
  poolId: 'pool_a',
  backendId,
  requests: 1,
  statusClasses: [0, 1, 0, 0, 0],
  latencyBuckets: new Array(LATENCY_BUCKETS).fill(0),
  latencySumMs: 1,
  bytesIn: 1,
  bytesOut: 1,
});
const path = (name: string) => ({
  tenantId: 'tenant_a',
  path: name,
  requests: 1,
  latencySumMs: 1,
  errors: 0,
});
const requests = (buckets: TrafficBuckets) =>
  buckets.unstoredTraffic().reduce((sum, row) => sum + row.requests, 0);
const store = (rows: { attempted: boolean; stored: number; revision: number }[]) => {
  for (const row of rows) {
    row.attempted = true;
    row.stored = row.revision;
  }
};

describe('TrafficBuckets', () => {
  it('stays bounded and exact while nothing is stored', () => {
    const buckets = new TrafficBuckets(100);
    for (let minute = 0; minute < 3000; minute++)
      buckets.add([delta('backend_a'), delta('backend_b')], [], T0 + minute * MINUTE);
    expect(buckets.unstoredTraffic().length).toBeLessThanOrEqual(150);
    expect(requests(buckets)).toBe(6000);
  });

  it('never puts a row together that the database may have', () => {
    const buckets = new TrafficBuckets(3);
    buckets.add([delta('backend_a')], [], T0);
    const [tried] = buckets.unstoredTraffic();
    tried!.attempted = true;
    for (let minute = 1; minute < 10; minute++) buckets.add([delta('backend_a')], [], T0 + minute * MINUTE);
    const again = buckets.unstoredTraffic().find((row) => row === tried);
    expect(again).toMatchObject({ requests: 1, start: T0 - 5000 });
    expect(requests(buckets)).toBe(10);
  });

  it('gives put-together rows a run of their own, so that they replace no stored row', () => {
    const buckets = new TrafficBuckets(3);
    buckets.add([delta('backend_a')], [], T0); // 12:00, also the start of its hour
    const first = buckets.unstoredTraffic();
    store(first);
    buckets.forgetStored(T0 + MINUTE);
    for (let minute = 1; minute < 10; minute++) buckets.add([delta('backend_a')], [], T0 + minute * MINUTE);
    const key = (row: { runId: string; start: number }) => `${row.runId} ${row.start}`;
    expect(buckets.unstoredTraffic().map(key)).not.toContain(key(first[0]!));
    expect(requests(buckets)).toBe(9);
  });

  it('forgets what is stored and over, and nothing that may still grow', () => {
    const buckets = new TrafficBuckets();
    buckets.add([delta('backend_a')], [path('/a')], T0);
    store([...buckets.unstoredTraffic(), ...buckets.unstoredPaths()]);
    buckets.forgetStored(T0 + 1000);
    buckets.add([delta('backend_a')], [path('/a')], T0 + 2000);
    expect(buckets.unstoredTraffic()).toMatchObject([{ requests: 2 }]);
    expect(buckets.unstoredPaths()).toMatchObject([{ requests: 2 }]);
  });

  it('does not reopen a forgotten minute when the clock is set back', () => {
    const buckets = new TrafficBuckets();
    buckets.add([delta('backend_a')], [], T0);
    store(buckets.unstoredTraffic());
    buckets.add([delta('backend_a')], [], T0 + MINUTE);
    buckets.forgetStored(T0 + MINUTE);
    buckets.add([delta('backend_a')], [], T0);
    expect(buckets.unstoredTraffic()).toMatchObject([{ requests: 2, start: T0 - 5000 + MINUTE }]);
  });

  it('counts further paths of a tenant under one name', () => {
    const buckets = new TrafficBuckets();
    for (let i = 0; i < 1000; i++) buckets.add([], [path(`/${i}`)], T0);
    const rows = buckets.unstoredPaths();
    expect(rows.length).toBeLessThanOrEqual(201);
    expect(rows.find((row) => row.path === OTHER)?.requests).toBe(800);
  });
});
