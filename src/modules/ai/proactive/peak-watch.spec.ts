import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import '../../../../test/support/quiet.js';
import { until } from '../../../../test/support/until.js';
import { newId } from '../../../common/ids.js';
import { Leader } from '../../../platform/jobs/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { BackendsReadModel, WeightFactors } from '../../backends/index.js';
import { PoolsReadModel } from '../../pools/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import { AiConfigRepository } from '../config/ai-config.repository.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { trainForecaster } from '../core/index.js';
import { ForecastsService } from '../forecasting/forecasts.service.js';
import { ModelVersionsRepository } from '../forecasting/model-versions.repository.js';
import { TrafficSeries } from '../forecasting/traffic-series.js';
import type { TrainingService } from '../training/training.service.js';
import { PeakWatch } from './peak-watch.js';

const MINUTE = 60_000;
const DAY = 1440;

interface Site {
  tenantId: string;
  poolId: string;
  /** The larger backend and the smaller one. */
  backends: [string, string];
}

describe('the watch for peaks', () => {
  let db: TestDatabase;
  let leader: Leader;
  let config: AiConfigService;
  const asked: (string | null)[] = [];

  beforeAll(async () => {
    db = await testDatabase();
    leader = new Leader(db.database);
    await leader.onApplicationBootstrap();
    await until('to lead', () => leader.isLeader);
    config = new AiConfigService(
      db.database,
      new AiConfigRepository(),
      new Journal(db.database, db.notifications),
    );
  }, 60_000);
  afterAll(async () => {
    await leader.onModuleDestroy();
    await db.close();
  });

  const traffic = new TrafficReadModel({} as never);
  const versions = new ModelVersionsRepository();
  const series = new TrafficSeries(traffic);
  const start = () => {
    const training = {
      trainIfDue: async (_tx: unknown, _tenant: string, poolId: string | null) => {
        asked.push(poolId);
      },
    };
    return new PeakWatch(
      db.database,
      leader,
      new Journal(db.database, db.notifications),
      config,
      new ForecastsService(db.database, versions, series, config),
      versions,
      training as unknown as TrainingService,
      traffic,
      new PoolsReadModel(),
      new BackendsReadModel(),
      new WeightFactors(),
    );
  };

  /**
   * A pool with four days of traffic that peaks once a day, the next time `peakIn` minutes from now. At the peak the
   * larger backend carries three quarters and answers take twice as long; else each carries half.
   */
  const site = async (peakIn: number, algorithm = 'adaptive_ai'): Promise<Site> => {
    const [tenantId, poolId] = [newId('tenant'), newId('pool')];
    await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $1)', [tenantId]);
    await db.sql(
      `INSERT INTO pools (id, tenant_id, name, algorithm, health_check, connect_timeout, response_timeout, retries)
       VALUES ($1, $2, 'web', $3, '{}', '1s', '5s', 1)`,
      [poolId, tenantId, algorithm],
    );
    const backends: [string, string] = [newId('backend'), newId('backend')];
    for (const [i, id] of backends.entries())
      await db.sql(
        'INSERT INTO backends (id, tenant_id, pool_id, address, weight) VALUES ($1, $2, $3, $4, 1)',
        [id, tenantId, poolId, `192.0.2.${i + 1}:80`],
      );
    const now = Math.floor(Date.now() / MINUTE) * MINUTE;
    const rows = Array.from({ length: 4 * DAY }, (_, i) => {
      const load = 100 + 900 * Math.max(0, Math.cos((2 * Math.PI * (i - 4 * DAY - peakIn)) / DAY)) ** 6;
      const total = Math.round(load + 10 * Math.sin(i * 12.9898));
      const large = Math.round(total * (load > 750 ? 0.75 : 0.5));
      const minute = new Date(now - (4 * DAY - i) * MINUTE);
      return [large, total - large].map((requests, of) => ({
        minute,
        requests,
        backend: backends[of],
        latency: load > 750 ? 40 : 20,
      }));
    }).flat();
    await db.sql(
      `INSERT INTO traffic_minutes (tenant_id, minute, run_id, route_id, pool_id, backend_id, requests, status_classes,
         latency_buckets, latency_sum_ms, bytes_in, bytes_out)
       SELECT $1, minute, 'run', 'route', $2, backend, requests, ARRAY[0, requests, 0, 0, 0], '{}', requests * latency, 0, 0
       FROM jsonb_to_recordset($3) AS r (minute timestamptz, requests bigint, backend text, latency float8)`,
      [tenantId, poolId, JSON.stringify(rows)],
    );
    return { tenantId, poolId, backends };
  };
  const train = async ({ tenantId, poolId }: Site, served = true) => {
    await db.database.tenant(tenantId, async (tx) => {
      const measured = await series.load(tx, { tenantId, poolId }, '5m', Date.now());
      const model = trainForecaster(measured, { modelType: 'linear_regression', horizon: 3 });
      expect(model.card.metrics.skill).toBeGreaterThan(0);
      if (!served) Object.assign(model.card, { servedBy: 'naive' });
      await versions.add(tx, tenantId, {
        model: 'load_predictor',
        poolId,
        data: model,
        card: model.card,
        trainingId: newId('training'),
        serve: true,
      });
    });
    // training holds this thread, on a busy machine for longer than a lease lasts
    await until('to lead', () => leader.isLeader);
  };
  const factors = async ({ poolId, backends }: Site) => {
    const rows = await db.sql('SELECT id, weight_factor FROM backends WHERE pool_id = $1', [poolId]);
    return backends.map((id) => rows.find((row) => row.id === id)!.weight_factor);
  };
  const version = async () => Number((await db.sql('SELECT version FROM config_state'))[0]!.version);

  it('spreads weights by measured capacity before a peak, once, and says so in the audit log', async () => {
    const mine = await site(5);
    await train(mine);
    const before = await version();
    const watch = start();
    await watch.look(mine.tenantId);
    const [large, small] = await factors(mine);
    expect(large).toBeCloseTo(1.5);
    expect(small).toBeCloseTo(0.5);
    expect(await version()).toBe(before + 1);
    await watch.look(mine.tenantId);
    expect(await version()).toBe(before + 1);
    const entries = await db.sql(
      `SELECT actor_name, message FROM audit_log WHERE action = 'pool.weights_adapted'`,
    );
    expect(entries).toEqual([
      {
        actor_name: 'load_predictor',
        message: expect.stringContaining(`pool 'web' set by measured capacity`),
      },
    ]);
  });

  it('sets them back when no peak is near, or when the tenant wants none of it', async () => {
    const [over, unwanted] = [await site(720), await site(5)];
    for (const each of [over, unwanted]) {
      await train(each);
      await db.sql('UPDATE backends SET weight_factor = 1.5 WHERE pool_id = $1', [each.poolId]);
    }
    await db.sql('INSERT INTO ai_config (tenant_id, values) VALUES ($1, $2)', [
      unwanted.tenantId,
      { predictive_scaling: false },
    ]);
    for (const each of [over, unwanted]) {
      await start().look(each.tenantId);
      expect(await factors(each)).toEqual([1, 1]);
    }
  });

  it('does nothing without a model that beats naive, but asks for one to be trained', async () => {
    const [untrained, naive] = [await site(5), await site(5)];
    await train(naive, false);
    for (const each of [untrained, naive]) {
      await start().look(each.tenantId);
      expect(await factors(each)).toEqual([1, 1]);
      expect(asked.at(-1)).toBe(each.poolId);
    }
  });

  it('leaves pools of other algorithms alone', async () => {
    const mine = await site(5, 'weighted_round_robin');
    await train(mine);
    await start().look(mine.tenantId);
    expect(await factors(mine)).toEqual([1, 1]);
  });
});
