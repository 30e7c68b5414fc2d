import { ApiPropertyOptional, PickType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsString, Max, MaxLength, Min, registerDecorator } from 'class-validator';
import { IsLine, MayBeAbsent, PageQuery, queryBoolean, queryInteger } from '../../../platform/http/index.js';
import { type ForecastMetrics, isMeasure } from '../core/index.js';
import { MAX_SERIES_POINTS } from '../series-limits.js';
import type { TrainingRun } from './training-run.entity.js';

/** Models that can be trained. `nlp` and `sentiment-analysis` are other names of `sentiment`. */
export const TRAINABLE = ['load_predictor', 'sentiment', 'sentiment-analysis', 'nlp'] as const;
export type Trainable = (typeof TRAINABLE)[number];
const TRAINING_STATUSES = ['pending', 'running', 'completed', 'failed', 'stopped'] as const;
export type TrainingStatus = (typeof TRAINING_STATUSES)[number];

const MAX_ROWS = 20_000;

/** Checks a long array by hand: the validator's own way is super-linear in keys. */
function IsArrayOf(
  name: string,
  max: number,
  message: string,
  check: (item: Record<string, unknown>) => boolean,
): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: propertyName as string,
      options: { message: `$property must be an array of at most ${max} ${message}` },
      validator: {
        validate: (value: unknown) =>
          Array.isArray(value) &&
          value.length <= max &&
          value.every(
            (item) => item !== null && typeof item === 'object' && check(item as Record<string, unknown>),
          ),
      },
    });
}

/** One observation of a series. */
export class SeriesPoint {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /**
   * Any unit, at most 10^15 either way.
   * @example 512.5
   */
  value: number;
}

/** A text with its right label. */
export class LabelledRow {
  /** @example "This is a great product!" */
  text: string;
  /** @example positive */
  label: 'positive' | 'negative' | 'neutral';
}

export class StartTrainingQuery {
  /** @example load_predictor */
  @MayBeAbsent()
  @IsIn(TRAINABLE)
  model_type?: Trainable;

  @ApiPropertyOptional({ description: 'Passes over the data', type: 'integer', example: 20 })
  @MayBeAbsent()
  @Transform(queryInteger)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  epochs?: number;
}

export class StartTrainingRequest {
  /** @example load_predictor */
  @MayBeAbsent()
  @IsIn(TRAINABLE)
  model_type?: Trainable;

  /** @example 20 */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  epochs?: number;

  /**
   * Name of the pool whose traffic is learnt; left out: the tenant's whole traffic.
   * @example web_servers
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(63)
  pool?: string;

  /**
   * A series to learn instead of measured traffic, in any unit. At most 50,000 points. Its model stands beside the
   * traffic's and answers predictions that bring a series; forecasts of traffic stay as they are.
   */
  @MayBeAbsent()
  @IsArrayOf(
    'isSeries',
    MAX_SERIES_POINTS,
    'points {timestamp: ISO 8601, value: number}',
    (p) => isMeasure(p.value) && typeof p.timestamp === 'string' && !Number.isNaN(Date.parse(p.timestamp)),
  )
  series?: SeriesPoint[];

  /** Labelled texts for `sentiment`. A fifth of them is held out to measure the model. At most 20,000 rows. */
  @MayBeAbsent()
  @IsArrayOf(
    'isRows',
    MAX_ROWS,
    'rows {text, label: positive|negative|neutral}',
    (r) =>
      typeof r.text === 'string' &&
      r.text.length <= 20_000 &&
      ['positive', 'negative', 'neutral'].includes(r.label as string),
  )
  rows?: LabelledRow[];
}

export class StopTrainingQuery {
  /** @example load_predictor */
  @MayBeAbsent()
  @IsIn(TRAINABLE)
  model_type?: Trainable;

  /**
   * Accepted for the documents' sake: a stop takes effect within a second either way.
   * @example true
   */
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  force?: boolean;
}

export class RetrainQuery {
  /** @example load_predictor */
  @MayBeAbsent()
  @IsIn(TRAINABLE)
  model_type?: Trainable;

  /**
   * Also a model for each pool, not only for the tenant's whole traffic.
   * @example true
   */
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  full?: boolean;
}

export class RetrainRequest {
  /** @example 20 */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  epochs?: number;
}

export class TrainingListQuery extends PageQuery {
  /** @example running */
  @MayBeAbsent()
  @IsIn(TRAINING_STATUSES)
  status?: TrainingStatus;

  /** @example load_predictor */
  @MayBeAbsent()
  @IsLine(40)
  model_type?: string;
}

/** Quality on data that training did not see; null where it cannot be known. */
export class TrainingMetrics {
  /**
   * Mean absolute scaled error.
   * @example 0.62
   */
  mase?: number | null;
  /**
   * The naive forecast's on the same targets.
   * @example 0.98
   */
  naive_mase?: number | null;
  /**
   * Symmetric mean absolute percentage error, 0 to 200.
   * @example 8.4
   */
  smape?: number | null;
  /**
   * Load predictor: 1 − WAPE. Sentiment: share of held-out rows that were right.
   * @example 0.92
   */
  accuracy?: number | null;
  /**
   * What the naive forecast, or the most frequent label, would have got.
   * @example 0.88
   */
  baseline_accuracy?: number | null;
  /**
   * 1 − error / naive error.
   * @example 0.36
   */
  skill?: number | null;
  /**
   * Share of actual values within the 90 % interval.
   * @example 0.9
   */
  coverage?: number | null;
  /**
   * Targets or rows that were compared.
   * @example 806
   */
  samples: number;
  /**
   * What answers: `naive` when nothing beat it.
   * @example mixture
   */
  served_by?: string;
}

export class TrainingResponse {
  /** @example training_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example running */
  status: TrainingStatus;
  /** @example load_predictor */
  model_type: string;
  /** @example null */
  pool_id: string | null;
  /**
   * What asked for it.
   * @example request
   */
  trigger: string;
  /**
   * Per cent.
   * @example 42
   */
  progress: number;
  /**
   * What is being fitted; null before and after.
   * @example "final: mlp, epoch 7 of 20"
   */
  stage: string | null;
  /** Null until the training has completed. */
  metrics: TrainingMetrics | null;
  /**
   * Version of the model that came of it.
   * @example 3
   */
  model_version: number | null;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;
  /** @example 2026-06-19T15:30:01.000Z */
  started_at: string | null;
  /** @example null */
  finished_at: string | null;
  /**
   * Why it failed.
   * @example null
   */
  error: string | null;

  static from(row: TrainingRun): TrainingResponse {
    const { stage } = row;
    return {
      id: row.id,
      status: row.status,
      model_type: row.model_type,
      pool_id: row.pool_id,
      trigger: row.trigger,
      progress: Math.round(row.progress * 10) / 10,
      stage:
        stage && row.status === 'running'
          ? `${stage.stage}: ${stage.model}, epoch ${stage.epoch} of ${stage.epochs}`
          : null,
      metrics: row.metrics,
      model_version: row.model_version,
      created_at: row.created_at.toISOString(),
      started_at: row.started_at?.toISOString() ?? null,
      finished_at: row.finished_at?.toISOString() ?? null,
      error: row.error,
    };
  }
}

/** What the channel `ai` tells of a training under way. */
export class TrainingSummary extends PickType(TrainingResponse, [
  'id',
  'status',
  'model_type',
  'progress',
  'stage',
]) {}

export class TrainingNews {
  training: TrainingSummary;
}

export const forecastMetrics = (metrics: ForecastMetrics, servedBy: string): TrainingMetrics => ({
  mase: metrics.mase,
  naive_mase: metrics.naive_mase,
  smape: metrics.smape,
  accuracy: metrics.accuracy,
  baseline_accuracy: metrics.baseline_accuracy,
  skill: metrics.skill,
  coverage: metrics.coverage,
  samples: metrics.samples,
  served_by: servedBy,
});

export class TrainingStartedResponse extends TrainingResponse {
  /** @example started */
  training: string;
  /** @example 20 */
  epochs: number | null;
}

export class TrainingStoppedResponse {
  /** @example stopped */
  training: string;
  /**
   * Null: every kind.
   * @example load_predictor
   */
  model_type: string | null;
  /** @example true */
  force: boolean;
  /**
   * The runs that were told to stop.
   * @example ["training_01jz3k5v8hf0vbn2x4q6t8w0ya"]
   */
  runs: string[];
}

export class RetrainResponse {
  /** @example started */
  retrain: string;
  /** @example load_predictor */
  model_type: string;
  /** @example true */
  full: boolean;
  /**
   * The runs that were started.
   * @example ["training_01jz3k5v8hf0vbn2x4q6t8w0ya"]
   */
  runs: string[];
}
