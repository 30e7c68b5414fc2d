import type { ForecastCard } from '../core/index.js';
import { LOAD_PREDICTOR } from '../forecasting/built-in-models.js';
import { GIVEN_SERIES, type VersionOf } from '../forecasting/model-versions.repository.js';
import { forecastMetrics, TrainingMetrics } from '../training/training.dto.js';

/** What is kept with a version besides the model itself. */
export type VersionCard = ForecastCard & { accuracy: number; baseline_accuracy: number; samples: number };
export type VersionRow = VersionOf<VersionCard>;

export class ModelVersionResponse {
  /** @example model_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example load_predictor */
  model: string;
  /**
   * Counted for each model, pool and kind of data.
   * @example 3
   */
  version: number;
  /** Whether it answers. */
  served: boolean;
  /**
   * `traffic`: what the data plane measured. `series` and `rows`: data of a request. Forecasts of traffic come from the
   * former only.
   * @example traffic
   */
  learned_from: 'traffic' | 'series' | 'rows';
  /** Null: the tenant's whole traffic. */
  pool_id: string | null;
  /** On what training did not see. */
  metrics: TrainingMetrics;
  /** @example training_01jz3k5v8hf0vbn2x4q6t8w0ya */
  training_id: string | null;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;

  static from(row: VersionRow): ModelVersionResponse {
    const { id, model, version, served, pool_id, card, training_id, created_at } = row;
    const isForecaster = model === LOAD_PREDICTOR;
    const { accuracy, baseline_accuracy, samples } = card;
    return {
      id,
      model,
      version,
      served,
      learned_from: !isForecaster ? 'rows' : pool_id === GIVEN_SERIES ? 'series' : 'traffic',
      pool_id: pool_id === '' || pool_id === GIVEN_SERIES ? null : pool_id,
      metrics: isForecaster
        ? forecastMetrics(card.metrics, card.servedBy)
        : { accuracy, baseline_accuracy, samples, served_by: 'logistic_regression' },
      training_id,
      created_at: created_at.toISOString(),
    };
  }
}
