import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import type { TelemetryBatch, TrafficDelta } from '../../common/traffic.js';
import { LATENCY_BUCKETS } from './latency.js';
import { LiveBackends } from './live-backends.js';
import { RecentTraffic } from './recent-traffic.js';
import { RETENTION, TelemetryRepository } from './telemetry.repository.js';
import { TrafficReadModel } from './traffic.read-model.js';
import { TrafficMetrics } from './traffic-metrics.js';
import { TrafficRecorder } from './traffic-recorder.js';

const MINUTE = 60_000;
const T0 = Date.UTC(2026, 0, 1, 12, 0, 5);
const START = new Date(Date.UTC(2026, 0, 1));
const END = new Date(Date.UTC(2026, 0, 2));

const delta = (over: Partial<TrafficDelta> = {}): TrafficDelta => ({
  tenantId: 'tenant_a',
  routeId: 'route_a',
  poolId: 'pool_a',
  backendId: 'backend_a',
  requests: 10,
  statusClasses: [0, 9, 0, 0, 1],
  latencyBuckets: Array.from({ length: LATENCY_BUCKETS }, (_, i) => (i === 3 ? 10 : 0)),
  latencySumMs: 70,
  bytesIn: 100,
  bytesOut: 1000,
  ...over,
});
const batch = (over: Partial<TelemetryBatch> = {}): TelemetryBatch => ({
  traffic: [],
  paths: [],
  samples: [],
  unknownHostRequests: 0,
  ...over,
});

describe('TrafficRecorder', () => {
  let db: TestDatabase;
  let recorder: TrafficRecorder;
  let reads: TrafficReadModel;
  let repository: TelemetryRepository;

  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db.close());
  beforeEach(async () => {
    await db.sql('TRUNCATE traffic_minutes, traffic_paths, access_log');
    const recent = new RecentTraffic();
    repository = new TelemetryRepository();
    recorder = new TrafficRecorder(db.database, repository, recent, new TrafficMetrics(new LiveBackends()));
    reads = new TrafficReadModel(recent);
  });

  const totals = (tenantId = 'tenant_a') =>
    db.database.tenant(tenantId, (tx) => reads.totals(tx, tenantId, START, END));

  it('stores each figure exactly once over several flushes of the same minute', async () => {
    recorder.record(batch({ traffic: [delta()] }), T0);
    await recorder.flush(T0);
    recorder.record(batch({ traffic: [delta()] }), T0 + 2000);
    await recorder.flush(T0 + 2000);
    await recorder.flush(T0 + 4000);
    expect(await totals()).toEqual({
      requests: 20,
      errors: 2,
      bytes_in: 200,
      bytes_out: 2000,
      latency_avg_ms: 7,
    });
  });

  it('does not count twice when the answer to a commit is lost', async () => {
    let lost = 0;
    const system = db.database.system.bind(db.database);
    const spy = jest.spyOn(db.database, 'system').mockImplementation(async (work) => {
      const result = await system(work);
      if (lost++ === 0) throw new Error('Connection terminated'); // after the commit
      return result;
    });
    recorder.record(batch({ traffic: [delta()] }), T0);
    await recorder.flush(T0);
    recorder.record(batch({ traffic: [delta()] }), T0 + 1000);
    await recorder.flush(T0 + 1000);
    spy.mockRestore();
    expect(lost).toBeGreaterThan(1);
    expect((await totals()).requests).toBe(20);
  });

  it('keeps counting while the database is away and stores the sums when it is back', async () => {
    const spy = jest.spyOn(db.database, 'system').mockRejectedValue(new Error('ECONNREFUSED'));
    for (let minute = 0; minute < 180; minute++) {
      recorder.record(batch({ traffic: [delta()], paths: [path('/a')] }), T0 + minute * MINUTE);
      if (minute % 60 === 0) await recorder.flush(T0 + minute * MINUTE);
    }
    spy.mockRestore();
    await recorder.flush(T0 + 180 * MINUTE);
    expect((await totals()).requests).toBe(1800);
    const paths = await db.database.tenant('tenant_a', (tx) => reads.topPaths(tx, 'tenant_a', START, END, 5));
    expect(paths).toEqual([{ path: '/a', requests: 360, errors: 0, latency_avg_ms: 5 }]);
  });

  it('adds up what two runs of the program counted in the same minute', async () => {
    const other = new TrafficRecorder(
      db.database,
      new TelemetryRepository(),
      new RecentTraffic(),
      new TrafficMetrics(new LiveBackends()),
    );
    for (const run of [recorder, other]) {
      run.record(batch({ traffic: [delta()] }), T0);
      await run.flush(T0);
    }
    expect((await totals()).requests).toBe(20);
  });

  it('shows a tenant only its own traffic, even when asked for another one', async () => {
    recorder.record(batch({ traffic: [delta(), delta({ tenantId: 'tenant_b' })] }), T0);
    await recorder.flush(T0);
    expect((await totals()).requests).toBe(10);
    const crossed = await db.database.tenant('tenant_a', (tx) => reads.totals(tx, 'tenant_b', START, END));
    expect(crossed.requests).toBe(0);
    const all = await db.database.system((tx) => reads.totals(tx, null, START, END));
    expect(all.requests).toBe(20);
    const each = await db.database.system((tx) =>
      reads.totalsByTenant(tx, ['tenant_a', 'tenant_c'], START, END),
    );
    expect([...each.keys()]).toEqual(['tenant_a']);
  });

  it('answers series by step and key, and quantiles from the histogram', async () => {
    recorder.record(batch({ traffic: [delta(), delta({ poolId: 'pool_b', requests: 1 })] }), T0);
    recorder.record(batch({ traffic: [delta()] }), T0 + 5 * MINUTE);
    await recorder.flush(T0 + 6 * MINUTE);
    await db.database.tenant('tenant_a', async (tx) => {
      const series = await reads.series(tx, { tenantId: 'tenant_a' }, START, END, 300, 'pool');
      expect(series.map((p) => [p.at.toISOString(), p.key, p.requests])).toEqual([
        ['2026-01-01T12:00:00.000Z', 'pool_a', 10],
        ['2026-01-01T12:00:00.000Z', 'pool_b', 1],
        ['2026-01-01T12:05:00.000Z', 'pool_a', 10],
      ]);
      const filter = { tenantId: 'tenant_a', poolId: 'pool_a' };
      expect(await reads.quantiles(tx, filter, START, END, [0.5, 1])).toEqual([7.5, 10]);
      expect(await reads.quantiles(tx, { tenantId: 'tenant_a' }, END, END, [0.5])).toEqual([null]);
    });
  });

  it('keeps the lines of the access log, newest first', async () => {
    const line = (status: number, at: number) => ({
      at: new Date(at),
      tenantId: 'tenant_a',
      routeId: 'route_a',
      poolId: null,
      backendId: null,
      method: 'GET',
      path: '/x',
      status,
      latencyMs: 1.5,
      clientAddress: '192.0.2.7',
      requestId: 'req_1',
    });
    recorder.record(batch({ samples: [line(200, T0), line(502, T0 + 1)] }), T0);
    await recorder.flush(T0);
    await recorder.flush(T0);
    const log = await db.database.tenant('tenant_a', (tx) => reads.accessLog(tx, 'tenant_a', { limit: 10 }));
    expect(log.map((l) => l.status)).toEqual([502, 200]);
    expect(log[0]).toMatchObject({ path: '/x', latencyMs: 1.5, clientAddress: '192.0.2.7', poolId: null });
  });

  it('deletes what is older than its table keeps and nothing else', async () => {
    for (const days of [1, 100]) {
      recorder.record(batch({ traffic: [delta()], paths: [path('/a')] }), Date.now());
      await recorder.flush();
      await db.sql(
        `UPDATE traffic_minutes SET minute = minute - make_interval(days => $1) WHERE minute > now() - interval '1 hour'`,
        [days],
      );
      await db.sql(
        `UPDATE traffic_paths SET hour = hour - make_interval(days => $1) WHERE hour > now() - interval '2 hours'`,
        [days],
      );
    }
    const deleted = [];
    for (const rule of RETENTION)
      deleted.push(await db.database.system((tx) => repository.deleteExpired(tx, rule, 10)));
    expect(deleted).toEqual([1, 1, 0]);
    expect(await db.sql('SELECT count(*)::int AS n FROM traffic_minutes')).toEqual([{ n: 1 }]);
  });
});

const path = (name: string) => ({
  tenantId: 'tenant_a',
  path: name,
  requests: 2,
  latencySumMs: 10,
  errors: 0,
});
