import { BillingApp } from '../../../test/support/billing.js';
import { fc } from '../../../test/support/property.js';
import { AppError } from '../../common/errors.js';
import type { TelemetryBatch } from '../../common/traffic.js';
import { Database } from '../../platform/database/index.js';
import { TrafficReadModel } from '../telemetry/index.js';
import { LATENCY_BUCKETS } from '../telemetry/latency.js';
import { LiveBackends } from '../telemetry/live-backends.js';
import { RecentTraffic } from '../telemetry/recent-traffic.js';
import { TelemetryRepository } from '../telemetry/telemetry.repository.js';
import { TrafficMetrics } from '../telemetry/traffic-metrics.js';
import { TrafficRecorder } from '../telemetry/traffic-recorder.js';
import { BuiltinProvider } from './builtin.provider.js';
import { UsageService } from './usage.service.js';
import { UsageCollector } from './usage-collector.js';
import { UsageMeter } from './usage-meter.js';

const MINUTE = 60_000;

describe('Metering', () => {
  let app: BillingApp;
  let database: Database;

  beforeAll(async () => {
    app = await BillingApp.start();
    database = app.get(Database);
    await app.get(UsageCollector).onModuleDestroy();
  });
  afterAll(() => app.close());

  /** A node of its own: what it counts carries the id of its run. */
  const node = () =>
    new TrafficRecorder(
      database,
      new TelemetryRepository(),
      new RecentTraffic(),
      new TrafficMetrics(new LiveBackends()),
    );
  const batch = (tenantId: string, requests: number, bytes: number): TelemetryBatch => ({
    traffic: [
      {
        tenantId,
        routeId: 'route_a',
        poolId: 'pool_a',
        backendId: 'backend_a',
        requests,
        statusClasses: [0, requests, 0, 0, 0],
        latencyBuckets: Array.from({ length: LATENCY_BUCKETS }, () => 0),
        latencySumMs: 0,
        bytesIn: bytes,
        bytesOut: bytes,
      },
    ],
    paths: [],
    samples: [],
    unknownHostRequests: 0,
  });
  const usageOf = (tenantId: string) =>
    database.tenant(tenantId, (tx) => app.get(UsageService).current(tx, tenantId));

  it('adds up to what the data planes counted, over nodes, kills, late minutes and repeated runs', async () => {
    const collector = app.get(UsageCollector);
    const step = fc.record({
      node: fc.nat(2),
      minutesAgo: fc.nat(8),
      requests: fc.integer({ min: 1, max: 10_000 }),
      bytes: fc.nat(1_000_000),
      after: fc.constantFrom('flush', 'collect', 'both', 'restart' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const tenantId = await app.tenant('basic');
        const nodes = [node(), node(), node()];
        const now = Date.now();
        for (const s of steps) {
          nodes[s.node]!.record(batch(tenantId, s.requests, s.bytes), now - s.minutesAgo * MINUTE);
          if (s.after !== 'collect') await nodes[s.node]!.flush(now);
          // what was flushed is there; a new process begins a run of its own
          if (s.after === 'restart') nodes[s.node] = node();
          if (s.after === 'collect' || s.after === 'both') await collector.catchUp();
        }
        for (const n of nodes) await n.flush(now);
        await collector.catchUp();
        await collector.catchUp();
        const counted = await database.tenant(tenantId, (tx) =>
          app.get(TrafficReadModel).totals(tx, tenantId, new Date(now - 60 * MINUTE), new Date(now + MINUTE)),
        );
        const ledger = await app.db.sql(
          'SELECT sum(requests)::int AS requests, sum(bytes)::float8 AS bytes FROM usage_minutes WHERE tenant_id = $1',
          [tenantId],
        );
        const requests = steps.reduce((sum, s) => sum + s.requests, 0);
        const bytes = steps.reduce((sum, s) => sum + 2 * s.bytes, 0);
        expect(ledger).toEqual([{ requests, bytes }]);
        expect([counted.requests, counted.bytes_in + counted.bytes_out]).toEqual([requests, bytes]);
      }),
      { numRuns: 8 },
    );
  });

  it('shows as cost what the invoice will have: nothing in a trial, the subscription’s plan while it is unpaid', async () => {
    const now = new Date();
    const tenantId = await app.tenant();
    const order = {
      tenantId,
      plan: 'basic',
      cycle: 'monthly',
      paymentMethod: 'manual',
      email: 'a@b.c',
    } as const;
    const s = await app.get(BuiltinProvider).start({ ...order, trial: true }, now);
    await app.db.sql('INSERT INTO usage_minutes VALUES ($1, $2, 375000, 0)', [
      tenantId,
      s.usage_period_start,
    ]);
    const current = async () => {
      const { plan, cost, meters } = await app.db.database.tenant(tenantId, (tx) =>
        app.get(UsageService).current(tx, tenantId, now),
      );
      return [plan.id, cost, meters.find((m) => m.meter === 'requests')!.overage];
    };
    expect(await current()).toEqual(['basic', 0, 125_000]);
    const set = (status: string, plan: string) =>
      Promise.all([
        app.db.sql('UPDATE subscriptions SET status = $2 WHERE id = $1', [s.id, status]),
        app.db.sql('UPDATE tenants SET plan = $2 WHERE id = $1', [tenantId, plan]),
      ]);
    await set('active', 'basic');
    expect(await current()).toEqual(['basic', 125, 125_000]);
    await set('unpaid', 'free');
    expect(await current()).toEqual(['free', 125, 125_000]);
  });

  it('shows usage and its cost in the calendar month for a tenant without a subscription', async () => {
    const tenantId = await app.tenant('basic');
    const recorder = node();
    recorder.record(batch(tenantId, 375_000, 500_000_000), Date.now());
    await recorder.flush();
    await app.get(UsageCollector).catchUp();
    const current = await usageOf(tenantId);
    expect([current.requests, current.cost]).toEqual([375_000, 125]);
    expect(current.period.start.getUTCDate()).toBe(1);
    expect(current.meters.map((m) => [m.meter, m.quantity, m.included, m.overage, m.amount])).toEqual([
      ['requests', 375_000, 250_000, 125_000, 125],
      ['bandwidth_gb', 1, 100, 0, 0],
      ['ai_jobs', 0, 100, 0, 0],
    ]);
  });

  describe('of AI jobs', () => {
    const record = (tenantId: string, key: string, quantity = 1) =>
      database.tenant(tenantId, (tx) => app.get(UsageMeter).record(tx, tenantId, 'ai_jobs', quantity, key));

    it('counts a key once', async () => {
      const tenantId = await app.tenant();
      await Promise.all(Array.from({ length: 5 }, () => record(tenantId, 'job_1')));
      expect((await usageOf(tenantId)).meters[2]).toMatchObject({ quantity: 1, included: 10 });
    });

    it('stops at the plan’s limit, also when many come at once, and rolls the caller’s work back', async () => {
      const tenantId = await app.tenant();
      const results = await Promise.allSettled(
        Array.from({ length: 30 }, (_, i) => record(tenantId, `job_${i}`)),
      );
      const refused = results.filter((r) => r.status === 'rejected').map((r) => r.reason as AppError);
      expect(refused).toHaveLength(20);
      expect(refused[0]!.message).toBe(
        "At most 10 AI jobs a month on the plan 'free'; the plan 'basic' allows more",
      );
      expect((await usageOf(tenantId)).meters[2]!.quantity).toBe(10);
    });
  });
});
