import { BillingApp } from '../../../../test/support/billing.js';
import { UsageService } from '../../billing/usage.service.js';
import { ForecastKeeper } from './forecast-keeper.js';

const MINUTE = 60_000;

describe('the routine of forecasts', () => {
  let app: BillingApp;
  let keeper: ForecastKeeper;

  beforeAll(async () => {
    app = await BillingApp.start();
    keeper = app.get(ForecastKeeper);
  }, 60_000);
  afterAll(() => app.close());

  /** One minute bucket a minute of the last `minutes` minutes. */
  const carry = (tenantId: string, minutes: number) => {
    const now = Math.floor(Date.now() / MINUTE) * MINUTE;
    const rows = Array.from({ length: minutes }, (_, i) => ({
      minute: new Date(now - (minutes - i) * MINUTE),
      requests: 100 + Math.round(50 * Math.sin(i / 30)),
    }));
    return app.db.sql(
      `INSERT INTO traffic_minutes (tenant_id, minute, run_id, route_id, pool_id, backend_id, requests, status_classes,
         latency_buckets, latency_sum_ms, bytes_in, bytes_out)
       SELECT $1, minute, 'run', 'route', 'pool', 'backend', requests, ARRAY[0, requests, 0, 0, 0], '{}', requests, 0, 0
       FROM jsonb_to_recordset($2) AS r (minute timestamptz, requests bigint)`,
      [tenantId, JSON.stringify(rows)],
    );
  };
  const trainings = (tenantId: string) =>
    app.db.sql('SELECT trigger FROM ai_training_runs WHERE tenant_id = $1', [tenantId]);

  it('trains a tenant whose AI jobs of the month are used up too, without counting one', async () => {
    const tenantId = await app.tenant();
    await app.db.sql(
      `INSERT INTO usage_events (tenant_id, meter, key, quantity) VALUES ($1, 'ai_jobs', 'asked for', 10)`,
      [tenantId],
    );
    await carry(tenantId, 6 * 60);
    await keeper.run();
    expect(await trainings(tenantId)).toEqual([{ trigger: 'schedule' }]);
    const { meters } = await app.db.database.tenant(tenantId, (tx) =>
      app.get(UsageService).current(tx, tenantId),
    );
    expect(meters.find((m) => m.meter === 'ai_jobs')?.quantity).toBe(10);
  });

  it('goes on with the other tenants when it fails for one', async () => {
    const tenants = [await app.tenant(), await app.tenant(), await app.tenant()];
    for (const tenantId of tenants) await carry(tenantId, 6 * 60);
    // whichever comes first
    for (const broken of tenants.slice(0, 2))
      await app.db.sql('INSERT INTO ai_config (tenant_id, values) VALUES ($1, $2)', [
        broken,
        { forecast: { step: 'never' } },
      ]);
    await keeper.run();
    expect(await trainings(tenants[2]!)).toHaveLength(1);
  });

  it('begins no training before there is enough to learn from', async () => {
    const tenantId = await app.tenant();
    await carry(tenantId, 20);
    await keeper.run();
    expect(await trainings(tenantId)).toEqual([]);
  });
});
