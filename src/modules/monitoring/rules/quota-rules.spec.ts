import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import { newId } from '../../../common/ids.js';
import type { Leader } from '../../../platform/jobs/index.js';
import { RecentTraffic } from '../../telemetry/recent-traffic.js';
import { TrafficReadModel } from '../../telemetry/traffic.read-model.js';
import { AlertsRepository } from '../alerts/alerts.repository.js';
import type { AlertsService } from '../alerts/alerts.service.js';
import { QuotaRules } from './quota-rules.js';
import { RequestQuotasReadModel } from './request-quotas.read-model.js';

const NOW = new Date('2026-06-20T12:00:00Z');

describe('QuotaRules', () => {
  const repository = new AlertsRepository();
  let db: TestDatabase;
  let rules: QuotaRules;
  let reads: number;

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  beforeEach(async () => {
    await db.sql('TRUNCATE alerts, traffic_minutes CASCADE');
    reads = 0;
    const alerts = {
      fire: (report: never) => db.database.system((tx) => repository.fire(tx, report)),
      resolve: (fingerprint: string) => db.database.system((tx) => repository.resolve(tx, fingerprint)),
    } as unknown as AlertsService;
    const traffic = new TrafficReadModel(new RecentTraffic());
    const read = traffic.requestsByTenant.bind(traffic);
    traffic.requestsByTenant = (...args) => {
      reads++;
      return read(...args);
    };
    const quotas = new RequestQuotasReadModel();
    rules = new QuotaRules({} as Leader, db.database, traffic, quotas, alerts, repository);
  });
  afterAll(() => db.close());

  const tenant = async (plan: string, limit: number | null) => {
    const id = newId('tenant');
    const settings = JSON.stringify({ max_requests_per_month: limit });
    await db.sql(
      `INSERT INTO tenants (id, name, plan, plan_version, settings)
       VALUES ($1, $1, $2, (SELECT max(version) FROM plans WHERE id = $2), $3)`,
      [id, plan, settings],
    );
    return id;
  };
  const carry = (tenantId: string, minute: string, requests: number) =>
    db.sql(
      `INSERT INTO traffic_minutes (tenant_id, minute, run_id, route_id, requests, status_classes, latency_buckets,
         latency_sum_ms, bytes_in, bytes_out) VALUES ($1, $2, 'run', 'route', $3, '{}', '{}', 0, 0, 0)`,
      [tenantId, minute, requests],
    );
  const firing = async () =>
    (await db.sql(`SELECT tenant_id FROM alerts WHERE state = 'firing'`)).map((row) => row.tenant_id);

  it('fires for the tenant’s own limit and for the plan’s, once, and not without a limit', async () => {
    const [own, plan, unlimited] = [
      await tenant('enterprise', 100),
      await tenant('free', null),
      await tenant('enterprise', null),
    ];
    await carry(own, '2026-06-01T00:00:00Z', 60);
    await carry(own, '2026-06-20T11:59:00Z', 41);
    await carry(plan, '2026-06-10T00:00:00Z', 10_000_000);
    await carry(unlimited, '2026-06-10T00:00:00Z', 10_000_000_000);
    await rules.check(NOW);
    await rules.check(NOW);
    expect((await firing()).sort()).toEqual([own, plan].sort());
    expect(await db.sql('SELECT DISTINCT occurrences FROM alerts')).toEqual([{ occurrences: 1 }]);
  });

  it('does not fire at the limit, nor for another month', async () => {
    const id = await tenant('enterprise', 100);
    await carry(id, '2026-05-31T23:59:00Z', 1000);
    await carry(id, '2026-06-01T00:00:00Z', 100);
    await rules.check(NOW);
    expect(await firing()).toEqual([]);
  });

  it('resolves in the next month, and when the limit is lifted', async () => {
    const [later, lifted] = [await tenant('enterprise', 1), await tenant('enterprise', 1)];
    for (const id of [later, lifted]) await carry(id, '2026-06-01T00:00:00Z', 10);
    await rules.check(NOW);
    expect(await firing()).toHaveLength(2);
    await db.sql(`UPDATE tenants SET settings = '{}' WHERE id = $1`, [lifted]);
    await rules.check(NOW);
    expect(await firing()).toEqual([later]);
    await rules.check(new Date('2026-07-01T00:01:00Z'));
    expect(await firing()).toEqual([]);
  });

  it('reads what is settled once', async () => {
    await rules.check(NOW);
    expect(reads).toBe(21); // 20 pieces of at most a day, and the last hour
    await rules.check(NOW);
    expect(reads).toBe(22);
  });
});
