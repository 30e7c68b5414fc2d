import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { HealthRegistry } from '../../../platform/observability/index.js';
import { type BackendRow, BackendsReadModel } from '../../backends/index.js';
import { type PoolRow, PoolsReadModel } from '../../pools/index.js';
import { LiveBackends, TrafficReadModel } from '../../telemetry/index.js';
import { ComparisonService } from '../comparison/comparison.service.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { LexiconSentiment } from '../core/index.js';
import { LOAD_PREDICTOR } from '../forecasting/built-in-models.js';
import { ForecastsService } from '../forecasting/forecasts.service.js';
import { ModelVersionsRepository } from '../forecasting/model-versions.repository.js';
import { SettledForecastsRepository } from '../forecasting/settled.repository.js';
import { ModelsService } from '../models/models.service.js';
import { PredictionsRepository } from '../predictions/predictions.repository.js';
import { TrainingRepository } from '../training/training.repository.js';
import { measuredCapacity, scalingFor } from './capacity.js';
import type {
  AiHealthResponse,
  AiMetricsResponse,
  AiStatusResponse,
  ForecastHistoryItem,
  LoadPredictorPerformance,
  ModelStateResponse,
} from './overview.dto.js';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const MIN_SETTLED = 30;
const MAX_POOLS = 1000;
const MAX_HISTORY = 1440;
const OPTIMAL = 5;
const CAPACITY_MS = 60_000;

/** The algorithm that most pools use; `none` without pools. */
export function mostUsed(pools: readonly Pick<PoolRow, 'algorithm'>[]): string {
  const counts = new Map<string, number>();
  for (const { algorithm } of pools) counts.set(algorithm, (counts.get(algorithm) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['none', 0] as [string, number])[0];
}

/** How the tenant's AI does: forecasts, their accuracy, what they advise, and the models' state. */
@Injectable()
export class OverviewService implements OnModuleInit {
  private readonly sentiment = new LexiconSentiment();
  private readonly capacities = new LRUCache<string, { value: number | null }>({
    max: 500,
    ttl: CAPACITY_MS,
  });

  constructor(
    private readonly database: Database,
    private readonly registry: HealthRegistry,
    private readonly config: AiConfigService,
    private readonly comparison: ComparisonService,
    private readonly forecasts: ForecastsService,
    private readonly settled: SettledForecastsRepository,
    private readonly versions: ModelVersionsRepository,
    private readonly predictions: PredictionsRepository,
    private readonly models: ModelsService,
    private readonly trainings: TrainingRepository,
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly live: LiveBackends,
    private readonly traffic: TrafficReadModel,
  ) {}

  onModuleInit(): void {
    this.registry.register('ai_engine', () => (this.answers() ? 'healthy' : 'unhealthy'));
  }

  async metrics(tenantId: string, detailed: boolean, history: boolean): Promise<AiMetricsResponse> {
    const { points, basis } = await this.forecasts.ofTraffic(tenantId, 1);
    const next = points[0]!;
    const compared = await this.comparison.compare(tenantId);
    return this.database.tenant(tenantId, async (tx) => {
      const { enabled } = await this.config.getIn(tx, tenantId);
      const pools = await this.pools.find(tx, tenantId, {}, { limit: MAX_POOLS, offset: 0 });
      const current = mostUsed(pools);
      const capacity = await this.capacity(tx, tenantId);
      const { coverage, ...performance } = await this.performance(tx, tenantId);
      return {
        enabled,
        current_algorithm: current,
        prediction_data: {
          recommended_algorithm: compared.recommended_algorithm ?? current,
          confidence: compared.confidence ?? 0,
          predicted_load: next.value,
          basis,
          prediction_time: next.timestamp,
          optimal_backends: this.fastest(await this.backends.find(tx, tenantId, { admin_state: 'enabled' })),
          scaling_recommendation: scalingFor(next.upper, capacity),
        },
        model_performance: { load_predictor: performance },
        ...(detailed && {
          details: {
            forecast_lower: next.lower,
            forecast_upper: next.upper,
            interval_coverage: coverage,
            capacity_per_minute: capacity,
            comparison_basis: compared.basis,
            algorithms: compared.algorithms,
          },
        }),
        ...(history && { history: await this.history(tx, tenantId) }),
      };
    });
  }

  async status(tenantId: string): Promise<AiStatusResponse> {
    const models = await this.states(tenantId);
    return this.database.tenant(tenantId, async (tx) => {
      const { enabled } = await this.config.getIn(tx, tenantId);
      const open = await this.trainings.countOpen(tx, tenantId);
      return { enabled, status: enabled ? 'active' : 'disabled', models, open_trainings: open };
    });
  }

  /** Of all tenants together. */
  async installation(): Promise<Pick<AiStatusResponse, 'status' | 'open_trainings'>> {
    const open = await this.database.system((tx) => this.trainings.countOpen(tx, null));
    return { status: 'active', open_trainings: open };
  }

  async health(tenantId: string, detailed: boolean): Promise<AiHealthResponse> {
    const models = await this.states(tenantId);
    const well = models.every(({ status }) => status !== 'unavailable');
    const status = !this.answers() ? 'unhealthy' : well ? 'healthy' : 'degraded';
    return { status, timestamp: new Date().toISOString(), ...(detailed && { models }) };
  }

  /** Whether a model that needs nothing but this process gives its known answer. */
  private answers(): boolean {
    return this.sentiment.predict('This is a great product!').label === 'positive';
  }

  private async states(tenantId: string): Promise<ModelStateResponse[]> {
    const models = await this.models.list(tenantId);
    return models.map(({ name, version, status, reason }) => ({ name, version, status, reason }));
  }

  private async performance(
    tx: Transaction,
    tenantId: string,
  ): Promise<LoadPredictorPerformance & { coverage: number | null }> {
    const settled = await this.settled.accuracy(tx, tenantId, new Date(Date.now() - WEEK_MS));
    const served = await this.versions.servedCard(tx, tenantId, LOAD_PREDICTOR);
    const known = settled.n >= MIN_SETTLED;
    return {
      accuracy: known ? settled.accuracy : null,
      baseline_accuracy: known ? settled.baseline_accuracy : null,
      skill: known ? settled.skill : null,
      coverage: known ? settled.coverage : null,
      n: settled.n,
      last_trained: served?.created_at.toISOString() ?? null,
      version: String(served?.version ?? 0),
      predictions_made: await this.predictions.countMade(tx, tenantId, LOAD_PREDICTOR),
    };
  }

  private async capacity(tx: Transaction, tenantId: string): Promise<number | null> {
    const known = this.capacities.get(tenantId);
    if (known) return known.value;
    const to = new Date();
    const minutes = await this.traffic.series(tx, { tenantId }, new Date(to.getTime() - WEEK_MS), to, 60);
    const value = measuredCapacity(minutes);
    this.capacities.set(tenantId, { value });
    return value;
  }

  private fastest(backends: readonly BackendRow[]): string[] {
    const timeOf = (id: string) => this.live.get(id)?.responseTimeMs ?? Number.POSITIVE_INFINITY;
    const times = backends
      .filter(({ id }) => this.live.get(id)?.health === 'healthy' && !this.live.get(id)?.ejected)
      .map(({ id, address }) => ({ address, time: timeOf(id) }));
    times.sort((a, b) => (a.time === b.time ? 0 : a.time - b.time));
    return times.slice(0, OPTIMAL).map(({ address }) => address);
  }

  private async history(tx: Transaction, tenantId: string): Promise<ForecastHistoryItem[]> {
    const rows = await this.settled.history(tx, tenantId, new Date(Date.now() - DAY_MS), MAX_HISTORY);
    return rows.map(({ target, value, lower, upper, actual }) => ({
      timestamp: target.toISOString(),
      predicted: value,
      lower,
      upper,
      actual,
    }));
  }
}
