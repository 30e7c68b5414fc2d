import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { durationMs } from '../../../common/durations.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { BackendsReadModel, WeightFactors } from '../../backends/index.js';
import { type PoolRow, PoolsReadModel } from '../../pools/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import { type AiConfig, AiConfigService } from '../config/ai-config.service.js';
import type { ForecastCard } from '../core/index.js';
import { LOAD_PREDICTOR } from '../forecasting/built-in-models.js';
import { ForecastsService } from '../forecasting/forecasts.service.js';
import { ModelVersionsRepository } from '../forecasting/model-versions.repository.js';
import { TrainingService } from '../training/training.service.js';
import { type Capacity, factorsFor, measureCapacity } from './capacity.js';

const EVERY_MS = 60_000;
const ACTIVE_MS = 86_400_000;
const HISTORY_MS = 7 * 86_400_000;
const CAPACITY_MS = 30 * 60_000;
const MAX_POOLS = 1000;
/** How far ahead a peak is prepared for. */
const AHEAD_MS = 15 * 60_000;
/** A forecast whose upper bound reaches this share of the capacity is a peak … */
const NEAR = 0.8;
/** … until it stays below this one. */
const FAR = 0.7;
/** Smaller changes of a factor are not worth a configuration version. */
const LEAST_CHANGE = 0.1;

/**
 * The leader's routine for `adaptive_ai` pools: when the upper bound of the load forecast comes near what the pool was
 * seen to carry, weights are set as the backends' measured capacities are to each other, and back when the peak is
 * over. Nothing is done without a model that beats the naive forecast, nor for a pool that was never seen full.
 */
@Injectable()
export class PeakWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('peaks');
  private readonly capacities = new LRUCache<string, { value: Capacity | null }>({
    max: 5000,
    ttl: CAPACITY_MS,
  });
  private routine?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly leader: Leader,
    private readonly journal: Journal,
    private readonly config: AiConfigService,
    private readonly forecasts: ForecastsService,
    private readonly versions: ModelVersionsRepository,
    private readonly training: TrainingService,
    private readonly traffic: TrafficReadModel,
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly factors: WeightFactors,
  ) {}

  onApplicationBootstrap(): void {
    this.routine = repeat('peaks', EVERY_MS, () => this.run());
  }

  async onApplicationShutdown(): Promise<void> {
    await this.routine?.stop();
  }

  /** Looks at a tenant's pools; in a transaction that carries the leader's epoch. */
  async look(tenantId: string): Promise<void> {
    await this.leader.lead(async (tx) => {
      const config = await this.config.getIn(tx, tenantId);
      const filter = { algorithm: 'adaptive_ai' as const };
      const pools = await this.pools.find(tx, tenantId, filter, { limit: MAX_POOLS, offset: 0 });
      for (const pool of pools) await this.lookAt(tx, pool, config);
    });
  }

  private async run(): Promise<void> {
    if (!this.leader.isLeader) return;
    const now = Date.now();
    const tenants = await this.database.system((tx) =>
      this.traffic.requestsByTenant(tx, new Date(now - ACTIVE_MS), new Date(now)),
    );
    for (const tenantId of tenants.keys()) {
      if (!this.leader.isLeader) return;
      await this.look(tenantId).catch((e: Error) => this.logger.warn(`${tenantId}: ${e.message}`));
    }
  }

  private async lookAt(tx: Transaction, pool: PoolRow, config: AiConfig): Promise<void> {
    const now = await this.factors.of(tx, pool.tenant_id, pool.id);
    const wanted = await this.wanted(tx, pool, config, now.size > 0);
    if (!differ(now, wanted)) return;
    await this.factors.set(tx, pool.tenant_id, pool.id, wanted);
    const message = wanted.size
      ? `Weights of pool '${pool.name}' set by measured capacity ahead of a forecast peak`
      : `Weights of pool '${pool.name}' set back after a forecast peak`;
    await this.journal.recordConfiguration(tx, {
      tenantId: pool.tenant_id,
      action: 'pool.weights_adapted',
      message,
      object: { type: 'pool', id: pool.id, name: pool.name },
      details: { factors: Object.fromEntries(wanted) },
      actor: { id: null, name: 'load_predictor' },
    });
  }

  private async wanted(
    tx: Transaction,
    pool: PoolRow,
    config: AiConfig,
    isPeak: boolean,
  ): Promise<Map<string, number>> {
    const none = new Map<string, number>();
    if (!config.enabled || !config.predictive_scaling) return none;
    const own = (await this.backends.ofPools(tx, pool.tenant_id, [pool.id])).filter(
      ({ admin_state }) => admin_state === 'enabled',
    );
    const capacity = await this.capacity(
      tx,
      pool,
      own.map(({ id }) => id),
    );
    if (!capacity) return none;
    await this.training.trainIfDue(tx, pool.tenant_id, pool.id, config);
    const upper = await this.forecastOf(tx, pool, config);
    return upper !== null && upper >= (isPeak ? FAR : NEAR) * capacity.total
      ? factorsFor(capacity, own)
      : none;
  }

  /** The highest upper bound of the next minutes, requests a minute; null without a model that beats naive. */
  private async forecastOf(tx: Transaction, pool: PoolRow, config: AiConfig): Promise<number | null> {
    const served = await this.versions.servedCard<ForecastCard>(tx, pool.tenant_id, LOAD_PREDICTOR, pool.id);
    if (!served || served.card.servedBy === 'naive' || !(Number(served.card.metrics.skill) > 0)) return null;
    const horizon = Math.ceil(AHEAD_MS / durationMs(config.forecast.step));
    const { points } = await this.forecasts.predictIn(tx, pool.tenant_id, config, {
      poolId: pool.id,
      horizon,
      confidence: config.forecast.interval,
    });
    return Math.max(...points.map(({ upper }) => upper));
  }

  private async capacity(tx: Transaction, pool: PoolRow, backends: string[]): Promise<Capacity | null> {
    const key = `${pool.id} ${backends.join(' ')}`;
    const known = this.capacities.get(key);
    if (known) return known.value;
    const now = Date.now();
    const points = await this.traffic.series(
      tx,
      { tenantId: pool.tenant_id, poolId: pool.id },
      new Date(now - HISTORY_MS),
      new Date(now),
      60,
      'backend',
    );
    const value = measureCapacity(points, backends);
    this.capacities.set(key, { value });
    return value;
  }
}

function differ(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  const ids = new Set([...a.keys(), ...b.keys()]);
  if (a.size === 0 || b.size === 0) return ids.size > 0;
  return [...ids].some((id) => Math.abs(Math.log((a.get(id) ?? 1) / (b.get(id) ?? 1))) > LEAST_CHANGE);
}
