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
  longestHorizon,
  NotEnoughDataError,
  type RegularSeries,
  type SeriesInput,
  type TimedValue,
  toGrid,
} from '../core/index.js';
import { LOAD_PREDICTOR } from './built-in-models.js';
import { GIVEN_SERIES, ModelVersionsRepository, type TrainedModel } from './model-versions.repository.js';
import { TrafficSeries } from './traffic-series.js';

export interface LoadForecast {
  points: ForecastPoint[];
  /** `model`, or `naive` while none is trained: the last value again, with the spread of past changes. */
  basis: 'model' | 'naive';
  /** Version of the model; null for naive. */
  version: number | null;
  /** Last value of measured traffic. */
  last: number;
  /** Steps of measured traffic; 0 for a series of the request. */
  steps: number;
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
   * The next `horizon` steps. With a series, the model that was trained on such a series continues it, or else the
   * traffic's; without one the measured traffic is continued, or, where there is none, the series that was trained on.
   * @throws AppError 422 for a horizon beyond the model's or a series that does not go with it, 409 MODEL_NOT_TRAINED
   *   for a series without any model
   */
  async predict(
    tenantId: string,
    { series, ...request }: { horizon: number; poolId?: string; series?: readonly TimedValue[] },
  ): Promise<LoadForecast> {
    const config = await this.config.get(tenantId);
    const confidence = config.forecast.interval;
    return this.database.tenant(tenantId, async (tx) => {
      const wanted = { ...request, confidence };
      if (series) return this.continueGiven(tx, tenantId, series, wanted);
      const measured = await this.predictIn(tx, tenantId, config, wanted);
      if (measured.steps > 0 || request.poolId) return measured;
      const given = await this.served(tx, tenantId, GIVEN_SERIES);
      return given ? { ...measured, ...continued(given, [], wanted) } : measured;
    });
  }

  /** The next `horizon` steps of measured traffic, whatever else was trained. */
  async ofTraffic(tenantId: string, horizon: number): Promise<LoadForecast> {
    const config = await this.config.get(tenantId);
    const confidence = config.forecast.interval;
    return this.database.tenant(tenantId, (tx) =>
      this.predictIn(tx, tenantId, config, { horizon, confidence }),
    );
  }

  /** As `ofTraffic`, of a tenant or a pool. A model of another step than the configured one is left out. */
  async predictIn(
    tx: Transaction,
    tenantId: string,
    config: AiConfig,
    { poolId, ...wanted }: { horizon: number; poolId?: string; confidence: number },
  ): Promise<LoadForecast> {
    const { step } = config.forecast;
    const served = await this.served(tx, tenantId, poolId ?? '');
    const measured = await this.series.load(tx, { tenantId, poolId }, step, Date.now());
    const known = { last: lastOf(measured), steps: measured.values.length };
    if (served?.model_data.stepMs === durationMs(step))
      return { ...known, ...continued(served, measured, wanted) };
    const points = naiveForecast(measured, wanted.horizon, wanted.confidence);
    return { ...known, points, basis: 'naive', version: null };
  }

  private async continueGiven(
    tx: Transaction,
    tenantId: string,
    series: readonly TimedValue[],
    { poolId, ...wanted }: { horizon: number; poolId?: string; confidence: number },
  ): Promise<LoadForecast> {
    const served = poolId
      ? await this.served(tx, tenantId, poolId)
      : ((await this.served(tx, tenantId, GIVEN_SERIES)) ?? (await this.served(tx, tenantId, '')));
    if (!served)
      throw new AppError(
        409,
        'MODEL_NOT_TRAINED',
        'No load predictor is trained yet; start a training with the series first',
      );
    requireFit(served.model_data, series);
    return { last: 0, steps: 0, ...continued(served, series, wanted) };
  }

  private served(tx: Transaction, tenantId: string, of: string): Promise<Served | null> {
    return this.versions.served<ForecastModel, unknown>(tx, tenantId, LOAD_PREDICTOR, of);
  }
}

type Served = TrainedModel<ForecastModel>;

function continued(
  { model_data: model, version }: Served,
  recent: SeriesInput,
  { horizon, confidence }: { horizon: number; confidence: number },
): Pick<LoadForecast, 'points' | 'basis' | 'version'> {
  if (horizon > longestHorizon(model))
    throw invalidField(
      'input.horizon',
      'horizon',
      `this model forecasts 1 to ${longestHorizon(model)} steps, ${horizon} were asked for`,
    );
  try {
    return { points: forecast(model, recent, horizon, { confidence }), basis: 'model', version };
  } catch (e) {
    if (e instanceof InvalidInputError) throw invalidField('input.series', 'series', e.message);
    throw e;
  }
}

/** Steps may differ by this factor: those of irregular observations are estimates. */
const STEP_TOLERANCE = 1.5;

/** Null for fewer than two different times. */
function stepOf(series: SeriesInput): number | null {
  try {
    return toGrid(series).stepMs;
  } catch (e) {
    if (e instanceof NotEnoughDataError) return null;
    if (e instanceof InvalidInputError) throw invalidField('input.series', 'series', e.message);
    throw e;
  }
}

/** A series of other steps, or one that ends before the model's own data, would be left out silently. */
function requireFit({ tail, stepMs }: ForecastModel, given: readonly TimedValue[]): void {
  const refuse = (why: string) => invalidField('input.series', 'series', `input.series ${why}`);
  if (given.length === 0) throw refuse('has no points');
  const step = stepOf(given) ?? stepMs;
  if (step > stepMs * STEP_TOLERANCE || step < stepMs / STEP_TOLERANCE)
    throw refuse(`has steps of ${step / 1000} s, the model was trained on steps of ${stepMs / 1000} s`);
  const known = tail.startMs + (tail.values.length - 1) * stepMs;
  const end = given.reduce((latest, { timestamp }) => Math.max(latest, +new Date(timestamp)), -Infinity);
  if (end < known - stepMs / 2)
    throw refuse(
      `ends at ${new Date(end).toISOString()}, before the data of the model, ${new Date(known).toISOString()}; train with it, or send what came since`,
    );
}

const lastOf = ({ values }: RegularSeries): number => values[values.length - 1] ?? 0;
