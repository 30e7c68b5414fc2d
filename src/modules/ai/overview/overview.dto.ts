import { Transform } from 'class-transformer';
import { IsBoolean } from 'class-validator';
import { MayBeAbsent, queryBoolean } from '../../../platform/http/index.js';
import { AlgorithmFiguresResponse } from '../comparison/comparison.dto.js';
import type { ModelResponse } from '../models/models.dto.js';

export class DetailQuery {
  /**
   * Also what the figures were made from; always so below `/detailed`.
   * @example true
   */
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  detailed?: boolean;
}

export class MetricsQuery extends DetailQuery {
  /**
   * Also the last day's forecasts beside what came.
   * @example true
   */
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  history?: boolean;
}

const SCALING = ['scale_up', 'maintain', 'scale_down'] as const;
export type Scaling = (typeof SCALING)[number];

export class PredictionDataResponse {
  /**
   * The algorithm that did best in the comparison; the current one without enough traffic.
   * @example least_connections
   */
  recommended_algorithm: string;
  /**
   * 0 without a comparison.
   * @example 0.93
   */
  confidence: number;
  /**
   * Requests a minute in the next step.
   * @example 512.5
   */
  predicted_load: number;
  /**
   * What made the forecast: `model`, or `naive` while none is trained.
   * @example model
   */
  basis: string;
  /**
   * The time that is forecast.
   * @example 2026-06-19T15:30:00.000Z
   */
  prediction_time: string;
  /**
   * Addresses of up to five healthy backends, the fastest first.
   * @example ["10.0.0.5:8080"]
   */
  optimal_backends: string[];
  /**
   * The forecast's upper bound against the best minute of the last 7 days with at most 1 % errors.
   * @example maintain
   */
  scaling_recommendation: Scaling;
}

export class LoadPredictorPerformance {
  /**
   * 1 − WAPE of the forecasts of the last 7 days whose time has come; null below 30 of them.
   * @example 0.91
   */
  accuracy: number | null;
  /**
   * The same of the naive forecast.
   * @example 0.84
   */
  baseline_accuracy: number | null;
  /**
   * 1 − error / error of the naive forecast.
   * @example 0.4
   */
  skill: number | null;
  /**
   * Forecasts whose time has come.
   * @example 288
   */
  n: number;
  /** @example 2026-06-19T15:30:00.000Z */
  last_trained: string | null;
  /**
   * `0` before the first training.
   * @example 3
   */
  version: string;
  /** @example 42 */
  predictions_made: number;
}

export class ModelPerformanceResponse {
  load_predictor: LoadPredictorPerformance;
}

/** What the figures were made from. */
export class MetricsDetails {
  /** @example 430 */
  forecast_lower: number;
  /** @example 601 */
  forecast_upper: number;
  /**
   * Share of the actual values within the forecast's interval.
   * @example 0.9
   */
  interval_coverage: number | null;
  /**
   * Requests a minute that can be carried: `best_minute`, when answers took longer then than in quiet minutes, or when
   * more brought errors. Null while the pools were never seen full.
   * @example 1200
   */
  capacity_per_minute: number | null;
  /**
   * Requests of the best minute of the last 7 days with at most 1 % errors; null below ten such minutes.
   * @example 1200
   */
  best_minute: number | null;
  /** @example "no recorded traffic" */
  comparison_basis: string;
  algorithms: AlgorithmFiguresResponse[];
}

export class ForecastHistoryItem {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /** @example 512.5 */
  predicted: number;
  /** @example 430 */
  lower: number;
  /** @example 601 */
  upper: number;
  /**
   * Null until the time has come.
   * @example 498
   */
  actual: number | null;
}

export class AiMetricsResponse {
  /** @example true */
  enabled: boolean;
  /**
   * The one that most pools use; `none` without pools.
   * @example round_robin
   */
  current_algorithm: string;
  prediction_data: PredictionDataResponse;
  model_performance: ModelPerformanceResponse;
  /** With `detailed`. */
  details?: MetricsDetails;
  /** With `history`: the last 24 hours, newest first. */
  history?: ForecastHistoryItem[];
}

export class ModelStateResponse {
  /** @example load_predictor */
  name: string;
  /** @example 3 */
  version: string;
  /** @example deployed */
  status: string;
  /**
   * Why it is unavailable.
   * @example null
   */
  reason: string | null;

  static from({ name, version, status, reason }: ModelResponse): ModelStateResponse {
    return { name, version, status, reason };
  }
}

export class AiStatusResponse {
  /** @example true */
  enabled: boolean;
  /**
   * `disabled`: switched off for this tenant.
   * @example active
   */
  status: 'active' | 'disabled';
  models: ModelStateResponse[];
  /**
   * Trainings that wait or run.
   * @example 0
   */
  open_trainings: number;
}

export class AiHealthResponse {
  /**
   * `degraded`: a deployed model is unavailable.
   * @example healthy
   */
  status: 'healthy' | 'degraded' | 'unhealthy';
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /** With `detailed`. */
  models?: ModelStateResponse[];
}
