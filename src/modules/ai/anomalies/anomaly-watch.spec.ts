import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import '../../../../test/support/quiet.js';
import { COUNTS, LATENCIES } from '../../../../test/support/real-series.js';
import { until } from '../../../../test/support/until.js';
import { newId } from '../../../common/ids.js';
import { Leader } from '../../../platform/jobs/index.js';
import { Journal } from '../../../platform/journal/index.js';
import type { Channels } from '../../../platform/realtime/index.js';
import type { Principal } from '../../../platform/security/index.js';
import { AlertsRepository } from '../../monitoring/alerts/alerts.repository.js';
import { AlertsService } from '../../monitoring/alerts/alerts.service.js';
import { DeliveryQueue } from '../../monitoring/alerts/delivery-queue.js';
import type { NotificationChannels } from '../../monitoring/alerts/notification-channels.js';
import { SystemMetricsRepository } from '../../monitoring/system/system-metrics.repository.js';
import { PoolsReadModel } from '../../pools/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import { AiConfigRepository } from '../config/ai-config.repository.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { AnomaliesRepository } from './anomalies.repository.js';
import { AnomaliesService } from './anomalies.service.js';
import { AnomalyRecorder } from './anomaly-recorder.js';
import { AnomalyWatch } from './anomaly-watch.js';
import { NodeSeries } from './node-series.js';
import { PoolSeries } from './pool-series.js';

const MINUTE = 60_000;
const PAGE = { page: 1, limit: 50 };
/** Minute 0 of the series: four hours ago. */
const BEGIN = Math.floor(Date.now() / MINUTE) * MINUTE - 240 * MINUTE;

describe('the watch for anomalies', () => {
  let db: TestDatabase;
  let leader: Leader;
  let anomalies: AnomaliesService;
  let published: { tenantId: string | null; type?: string; data: unknown }[];

  beforeAll(async () => {
    db = await testDatabase();
    leader = new Leader(db.database);
    await leader.onApplicationBootstrap();
    await until('to lead', () => leader.isLeader);
    anomalies = new AnomaliesService(db.database, new AnomaliesRepository());
  }, 60_000);
  beforeEach(async () => {
    published = [];
    await db.sql(
      'TRUNCATE ai_anomalies, ai_detector_states, traffic_minutes, alerts, system_metrics_minutes CASCADE',
    );
  });
  afterAll(async () => {
    await leader.onModuleDestroy();
    await db.close();
  });

  /** The routine as a start of the program makes it, nothing remembered. */
  const start = (): AnomalyWatch => {
    const { database, notifications } = db;
    const journal = new Journal(database, notifications);
    const stored = new AlertsRepository();
    const none = { enabled: () => [] } as unknown as NotificationChannels;
    const queue = new DeliveryQueue(database, notifications, stored, none);
    const alerts = new AlertsService(database, notifications, stored, queue, journal);
    const channels = {
      publish: async (_tx: unknown, _name: string, tenantId: string | null, data: unknown, type?: string) => {
        published.push({ tenantId, type, data });
      },
    } as unknown as Channels;
    const traffic = new TrafficReadModel({} as never);
    const repository = new AnomaliesRepository();
    const metrics = new SystemMetricsRepository();
    const hosts = {
      history: (limit: number, resolution: 'minute', node: string) =>
        database.system((tx) => metrics.history(tx, node, limit, resolution)),
    };
    const nodes = { list: async () => [{ name: 'n1', status: 'active' }] };
    return new AnomalyWatch(
      database,
      leader,
      new AiConfigService(database, new AiConfigRepository(), journal),
      repository,
      new AnomalyRecorder(repository, alerts, channels),
      new PoolSeries(new PoolsReadModel(), traffic),
      new NodeSeries(nodes as never, hosts as never),
      traffic,
    );
  };

  const tenant = async () => {
    const id = newId('tenant');
    await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $1)', [id]);
    const pool = newId('pool');
    await db.sql(
      `INSERT INTO pools (id, tenant_id, name, algorithm, sticky_sessions, health_check, connect_timeout, response_timeout, retries)
       VALUES ($1, $2, 'web', 'round_robin', false, '{}', '1s', '5s', 1)`,
      [pool, id],
    );
    return { id, pool };
  };

  interface Traffic {
    requests?: (minute: number) => number;
    latency?: (minute: number) => number;
    errors?: (minute: number) => number;
  }
  const ordinary = {
    requests: (minute: number) => COUNTS[minute]! + 200,
    latency: (minute: number) => LATENCIES[minute]!,
    errors: () => 0,
  };
  /** Writes 200 minutes of telemetry; minutes with 0 requests have no row. */
  const carry = async (of: { id: string; pool: string }, change: Traffic = {}, backend = 'b') => {
    const { requests, latency, errors } = { ...ordinary, ...change };
    const rows = Array.from({ length: 200 }, (_, minute) => ({
      minute: new Date(BEGIN + minute * MINUTE),
      requests: requests(minute),
      errors: Math.round(errors(minute) * requests(minute)),
      sum: latency(minute) * requests(minute),
    })).filter((row) => row.requests > 0);
    await db.sql(
      `INSERT INTO traffic_minutes (tenant_id, minute, run_id, route_id, pool_id, backend_id, requests, status_classes,
         latency_buckets, latency_sum_ms, bytes_in, bytes_out)
       SELECT $1, minute, 'run', 'route', $2, $3, requests, ARRAY[0, requests - errors, 0, 0, errors], '{}', sum, 0, 0
       FROM jsonb_to_recordset($4) AS r (minute timestamptz, requests bigint, errors bigint, sum float8)`,
      [of.id, of.pool, backend, JSON.stringify(rows)],
    );
  };
  /** Passes as the leader makes them, one a minute, the program started anew for each tenth. */
  const pass = async (tenantId: string, from: number, to: number) => {
    let watch = start();
    for (let minute = from; minute <= to; minute++) {
      if (minute % 10 === 0) watch = start();
      await watch.lookAtTenant(tenantId, BEGIN + minute * MINUTE);
    }
  };
  const principal = (tenantId: string, role: Principal['role'] = 'viewer') =>
    ({ tenantId, role }) as Principal;
  const found = async (tenantId: string, filter = {}) =>
    (await anomalies.list(principal(tenantId), filter, PAGE)).items;
  const alertsNow = () =>
    db.sql(
      'SELECT tenant_id, severity, component, state, occurrences, message FROM alerts ORDER BY started_at',
    );

  it('finds nothing in ordinary traffic', async () => {
    const mine = await tenant();
    await carry(mine);
    await pass(mine.id, 150, 200);
    expect(await found(mine.id)).toEqual([]);
    expect(await alertsNow()).toEqual([]);
    expect(
      await db.sql('SELECT series FROM ai_detector_states WHERE tenant_id = $1', [mine.id]),
    ).toHaveLength(3);
  });

  it('finds a latency that jumps once, raises one alert, and ends both when it is over', async () => {
    const mine = await tenant();
    await carry(mine, { latency: (m) => LATENCIES[m]! * (m >= 160 && m < 180 ? 4 : 1) });
    await pass(mine.id, 150, 170);
    const [finding, ...more] = await found(mine.id);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      metric: 'latency',
      pool: 'web',
      pool_id: mine.pool,
      node: null,
      ended_at: null,
    });
    expect((finding!.at.getTime() - BEGIN) / MINUTE).toBeGreaterThanOrEqual(160);
    expect((finding!.at.getTime() - BEGIN) / MINUTE).toBeLessThanOrEqual(162);
    expect(finding!.value).toBeGreaterThan(finding!.upper);
    expect(await alertsNow()).toMatchObject([
      { tenant_id: mine.id, severity: 'WARNING', component: 'ANOMALY', state: 'firing', occurrences: 1 },
    ]);
    await pass(mine.id, 171, 200);
    const [ended] = await found(mine.id);
    expect((ended!.ended_at!.getTime() - BEGIN) / MINUTE).toBe(182);
    expect(ended!.around).toHaveLength(30 + 1 + 15);
    expect(await alertsNow()).toMatchObject([{ state: 'resolved', occurrences: 1 }]);
    expect(published).toMatchObject([
      {
        tenantId: mine.id,
        type: 'ai_anomaly',
        data: { anomaly: { id: finding!.id, metric: 'latency', pool: 'web' } },
      },
    ]);
  });

  it('finds traffic that stops: a minute without a record is one without requests', async () => {
    const mine = await tenant();
    await carry(mine, { requests: (m) => (m >= 160 ? 0 : ordinary.requests(m)) });
    await pass(mine.id, 150, 170);
    expect(await found(mine.id)).toMatchObject([{ metric: 'requests', value: 0 }]);
  });

  it('finds a share of errors, but not one error among many requests', async () => {
    const [mine, other] = [await tenant(), await tenant()];
    await carry(mine, { errors: (m) => (m >= 160 && m < 163 ? 0.5 : 0) });
    await carry(other, { errors: (m) => (m === 160 ? 0.005 : 0) });
    await pass(mine.id, 150, 170);
    await pass(other.id, 150, 170);
    expect(await found(mine.id)).toMatchObject([{ metric: 'errors' }]);
    expect(await found(other.id)).toEqual([]);
  });

  it('judges a minute once, however often it is looked at and whoever leads', async () => {
    const mine = await tenant();
    await carry(mine, { latency: (m) => LATENCIES[m]! * (m >= 160 ? 4 : 1) });
    await pass(mine.id, 150, 165);
    for (const _ of [1, 2, 3]) await start().lookAtTenant(mine.id, BEGIN + 165 * MINUTE);
    expect(await found(mine.id)).toHaveLength(1);
    expect(await alertsNow()).toMatchObject([{ occurrences: 1 }]);
  });

  it('takes nothing for traffic that stopped when the program itself was away', async () => {
    const mine = await tenant();
    await carry(mine, { requests: (m) => (m >= 150 && m < 190 ? 0 : ordinary.requests(m)) });
    await pass(mine.id, 140, 150);
    await pass(mine.id, 190, 200);
    expect(await found(mine.id)).toEqual([]);
  });

  it('forgets a pool that is deleted, and ends its alert', async () => {
    const mine = await tenant();
    await carry(mine, { latency: (m) => LATENCIES[m]! * (m >= 160 ? 4 : 1) });
    await pass(mine.id, 150, 165);
    await db.sql('DELETE FROM pools WHERE id = $1', [mine.pool]);
    await pass(mine.id, 166, 167);
    expect(await alertsNow()).toMatchObject([{ state: 'resolved' }]);
    expect(await db.sql('SELECT 1 FROM ai_detector_states')).toEqual([]);
    expect(await found(mine.id)).toMatchObject([{ pool: null, pool_id: mine.pool }]);
  });

  it('raises no alert, or finds nothing at all, where the tenant wants that', async () => {
    const [silent, off] = [await tenant(), await tenant()];
    for (const each of [silent, off])
      await carry(each, { latency: (m) => LATENCIES[m]! * (m >= 160 ? 4 : 1) });
    const wants = (id: string, values: object) =>
      db.sql('INSERT INTO ai_config (tenant_id, values) VALUES ($1, $2)', [id, values]);
    await wants(silent.id, { anomalies: { enabled: true, alerts: false } });
    await wants(off.id, { anomalies: { enabled: false, alerts: true } });
    for (const each of [silent, off]) await pass(each.id, 150, 170);
    expect(await found(silent.id)).toHaveLength(1);
    expect(await found(off.id)).toEqual([]);
    expect(await alertsNow()).toEqual([]);
  });

  it('shows a tenant its own findings, filtered, and a superadmin the machines’ too', async () => {
    const [mine, other] = [await tenant(), await tenant()];
    await carry(mine, { latency: (m) => LATENCIES[m]! * (m >= 160 ? 4 : 1) });
    await pass(mine.id, 150, 170);
    const cpu = Array.from({ length: 200 }, (_, m) => ({
      at: new Date(BEGIN + m * MINUTE),
      cpu: m === 190 ? 99 : 20 + (m % 5),
    }));
    await db.sql(
      `INSERT INTO system_metrics_minutes (node, at, samples, cpu_percent, memory_percent, disk_percent, network_rx, network_tx)
       SELECT 'n1', at, 12, cpu, 50, 40, 1000, 1000 FROM jsonb_to_recordset($1) AS r (at timestamptz, cpu float8)`,
      [JSON.stringify(cpu)],
    );
    await start().lookAtNodes(BEGIN + 200 * MINUTE);
    const [own] = await found(mine.id);
    expect(await found(other.id)).toEqual([]);
    await expect(anomalies.get(principal(other.id), own!.id)).rejects.toMatchObject({ status: 404 });
    expect((await anomalies.get(principal(mine.id), own!.id)).id).toBe(own!.id);
    const admin = principal(other.id, 'superadmin');
    const [system, ...rest] = (await anomalies.list(admin, {}, PAGE)).items;
    expect(rest).toEqual([]);
    expect(system).toMatchObject({ metric: 'cpu', node: 'n1', pool: null, value: 99 });
    await expect(anomalies.get(principal(mine.id), system!.id)).rejects.toMatchObject({ status: 404 });
    const count = async (filter: object) => (await found(mine.id, filter)).length;
    expect(await count({ pool: 'web', metric: 'latency', minScore: 0.5 })).toBe(1);
    expect(await count({ pool: 'other' })).toBe(0);
    expect(await count({ metric: 'errors' })).toBe(0);
    expect(await count({ minScore: own!.score + 0.001 })).toBe(0);
    expect(await count({ from: own!.at, to: new Date(own!.at.getTime() + 1) })).toBe(1);
    expect(await count({ to: own!.at })).toBe(0);
  });

  it('keeps findings for 90 days, and a series for two days without a minute', async () => {
    const mine = await tenant();
    await carry(mine, { latency: (m) => LATENCIES[m]! * (m >= 160 ? 4 : 1) });
    await pass(mine.id, 150, 170);
    await start().sweep();
    expect(await found(mine.id)).toHaveLength(1);
    await db.sql(`UPDATE ai_anomalies SET at = at - interval '91 days'`);
    await db.sql(`UPDATE ai_detector_states SET minute = minute - interval '2 days'`);
    await start().sweep();
    expect(await found(mine.id)).toEqual([]);
    expect(await db.sql('SELECT 1 FROM ai_detector_states')).toEqual([]);
    expect(await alertsNow()).toMatchObject([{ state: 'resolved' }]);
  });
});
