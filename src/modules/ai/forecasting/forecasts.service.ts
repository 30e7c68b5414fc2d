import { Injectable } from '@nestjs/common';
import { durationMs } from '../../../common/durations.js';
import { AppError, invalidField } from '../../../common/errors.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { type AiConfig, AiConfigService } from '../config/ai-config.service.js';
import {
  type ForecastModel,
  type ForecastPoint,
  forecast,
  InvalidInputError,
  type RegularSeries,
  type SeriesInput,
} from '../core/index.js';
import { LOAD_PREDICTOR } from './built-in-models.js';
import { ModelVersionsRepository } from './model-versions.repository.js';
import { TrafficSeries } from './traffic-series.js';

export interface LoadForecast {
  points: ForecastPoint[];
  /** `model`, or `naive` while none is trained: the last value again, with the spread of past changes. */
  basis: 'model' | 'naive';
  /** Version of the model; null for naive. */
  version: number | null;
  /** Last known value. */
  last: number;
}

/** Quantile of the standard normal distribution for the two-sided 50, 80, 90, 95 and 99 % intervals. */
const Z: Record<number, number> = { 0.5: 0.674, 0.8: 1.282, 0.9: 1.645, 0.95: 1.96, 0.99: 2.576 };
const zOf = (confidence: number): number =>
  Z[
    Object.keys(Z)
      .map(Number)
      .reduce((a, b) => (Math.abs(b - confidence) < Math.abs(a - confidence) ? b : a))
  ]!;

/**
 * The last value again; the interval widens with the square root of the horizon, as a random walk's does (Hyndman and
 * Athanasopoulos, "Forecasting: Principles and Practice", 5.5).
 */
function naiveForecast(series: RegularSeries, horizon: number, confidence: number): ForecastPoint[] {
  const values = Array.from(series.values, (v) => v ?? 0);
  const last = values.at(-1) ?? 0;
  const changes = values
    .slice(-289)
    .slice(1)
    .map((v, i) => v - values.slice(-289)[i]!);
  const spread = Math.sqrt(changes.reduce((sum, c) => sum + c * c, 0) / Math.max(1, changes.length));
  const end = series.startMs + values.length * series.stepMs;
  return Array.from({ length: horizon }, (_, i) => {
    const half = zOf(confidence) * spread * Math.sqrt(i + 1);
    return {
      timestamp: new Date(end + i * series.stepMs).toISOString(),
      value: last,
      lower: Math.max(0, last - half),
      upper: last + half,
    };
  });
}

/** What load will come, for a tenant or one of its pools. */
@Injectable()
export class ForecastsService {
  constructor(
    private readonly database: Database,
    private readonly versions: ModelVersionsRepository,
    private readonly series: TrafficSeries,
    private readonly config: AiConfigService,
  ) {}

  /**
   * The next `horizon` steps. With a series the model that was trained last continues it; without one the measured
   * traffic is continued.
   * @throws AppError 422 for a horizon beyond the model's, 409 MODEL_NOT_TRAINED for a series without any model
   */
  async predict(
    tenantId: string,
    request: { horizon: number; poolId?: string; series?: SeriesInput; confidence?: number },
  ): Promise<LoadForecast> {
    const config = await this.config.get(tenantId);
    const confidence = request.confidence ?? config.forecast.interval;
    return this.database.tenant(tenantId, (tx) =>
      this.predictIn(tx, tenantId, config, { ...request, confidence }),
    );
  }

  async predictIn(
    tx: Transaction,
    tenantId: string,
    config: AiConfig,
    request: { horizon: number; poolId?: string; series?: SeriesInput; confidence: number },
  ): Promise<LoadForecast> {
    const served = await this.versions.served<ForecastModel, unknown>(
      tx,
      tenantId,
      LOAD_PREDICTOR,
      request.poolId ?? '',
    );
    const measured = await this.series.load(
      tx,
      { tenantId, poolId: request.poolId },
      config.forecast.step,
      Date.now(),
    );
    if (!served) {
      if (request.series)
        throw new AppError(
          409,
          'MODEL_NOT_TRAINED',
          'No load predictor is trained yet; start a training first',
        );
      return {
        points: naiveForecast(measured, request.horizon, request.confidence),
        basis: 'naive',
        version: null,
        last: lastOf(measured),
      };
    }
    const model = served.model_data;
    const recent = request.series ?? (model.stepMs === durationMs(config.forecast.step) ? measured : []);
    try {
      const points = forecast(model, recent, request.horizon, { confidence: request.confidence });
      return { points, basis: 'model', version: served.version, last: lastOf(measured) };
    } catch (e) {
      if (e instanceof InvalidInputError) throw invalidField('input.horizon', 'horizon', e.message);
      throw e;
    }
  }
}

const lastOf = (series: RegularSeries): number => series.values[series.values.length - 1] ?? 0;
