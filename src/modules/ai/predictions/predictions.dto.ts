import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsNumber,
  IsObject,
  Matches,
  Max,
  Min,
  registerDecorator,
  ValidateNested,
} from 'class-validator';
import { IsLine, MayBeAbsent, PageQuery } from '../../../platform/http/index.js';
import { isMeasure } from '../core/index.js';
import type { PredictionInput } from '../models/runtime.js';
import { MAX_SERIES_POINTS } from '../series-limits.js';
import type { PredictionRow } from './predictions.repository.js';

const MAX_BATCH = 1000;
/** Characters. */
const MAX_TEXT = 20_000;
/** Nothing beside the two fields that were looked at. */
const isPair = (value: object): boolean => Object.keys(value).length === 2;

const FIELDS: Record<string, (value: unknown) => boolean> = {
  text: (v) => typeof v === 'string' && v.length <= MAX_TEXT,
  prompt: (v) => typeof v === 'string' && v.length <= MAX_TEXT,
  task: (v) => v === 'generate' || v === 'chat' || v === 'embed',
  horizon: (v) => Number.isInteger(v),
  pool: (v) => typeof v === 'string' && v.length <= 63,
  accurate: (v) => typeof v === 'boolean',
  messages: (v) =>
    Array.isArray(v) &&
    v.length <= 100 &&
    v.every((m) => typeof m?.role === 'string' && typeof m?.content === 'string' && isPair(m)),
  series: (v) =>
    Array.isArray(v) &&
    v.length <= MAX_SERIES_POINTS &&
    v.every(
      (p) =>
        isMeasure(p?.value) &&
        typeof p?.timestamp === 'string' &&
        !Number.isNaN(Date.parse(p.timestamp)) &&
        isPair(p),
    ),
};

/** A non-empty text, or an object of the known fields. Checked by hand: a union, and series may be long. */
const isInput = (value: unknown): boolean => {
  if (typeof value === 'string') return value.length > 0 && value.length <= MAX_TEXT;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, v]) => Object.hasOwn(FIELDS, name) && FIELDS[name]!(v));
};
export const IsInput =
  (each: boolean): PropertyDecorator =>
  (target, propertyName) =>
    registerDecorator({
      name: 'isInput',
      target: target.constructor,
      propertyName: propertyName as string,
      options: {
        message: `$property must be ${each ? 'texts' : 'a text'} of 1 to ${MAX_TEXT} characters, or ${each ? 'objects' : 'an object'} of text, prompt, messages, task, horizon, pool, series, accurate`,
        each,
      },
      validator: { validate: isInput },
    });

export class ChatMessage {
  /** @example user */
  role: string;
  /** @example "How are you?" */
  content: string;
}
export class InputPoint {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /**
   * Any unit, at most 10^15 either way.
   * @example 512.5
   */
  value: number;
}
/** Input of models that take more than a text. */
export class StructuredInputDto {
  /** @example "This is a great product!" */
  text?: string;
  /** @example "Why is the sky blue?" */
  prompt?: string;
  messages?: ChatMessage[];
  /** @example generate */
  task?: 'generate' | 'chat' | 'embed';
  /**
   * Steps to forecast, 1 to 288.
   * @example 12
   */
  horizon?: number;
  /** @example web_servers */
  pool?: string;
  series?: InputPoint[];
  /**
   * For a search for anomalies: by the detector that finds more of them and takes forty times as long (about 10 s for
   * 50,000 points). False when not given.
   * @example false
   */
  accurate?: boolean;
}

export class PredictOptions {
  /**
   * Below this confidence the label is `uncertain`.
   * @example 0.8
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  confidence_threshold?: number;
}

export const inputSchema = { oneOf: [{ type: 'string' }, { $ref: getSchemaPath(StructuredInputDto) }] };

@ApiExtraModels(StructuredInputDto)
export class PredictRequest {
  /** @example sentiment-analysis */
  @Matches(/^[\w][\w.:/-]{0,99}$/)
  model: string;
  @ApiProperty({ ...inputSchema, example: 'This is a great product!' })
  @IsInput(false)
  input: PredictionInput;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => PredictOptions)
  options?: PredictOptions;
}

@ApiExtraModels(StructuredInputDto)
export class BatchPredictRequest {
  /** @example sentiment-analysis */
  @Matches(/^[\w][\w.:/-]{0,99}$/)
  model: string;
  @ApiProperty({ type: 'array', items: inputSchema, example: ['This is great!', 'This is terrible!'] })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_BATCH)
  @IsInput(true)
  inputs: PredictionInput[];
  /**
   * How many are worked on before the others wait for room.
   * @example 10
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_BATCH)
  batch_size?: number;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => PredictOptions)
  options?: PredictOptions;
}

export class ForecastPointDto {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /** @example 512.5 */
  value: number;
  /** @example 430 */
  lower: number;
  /** @example 601 */
  upper: number;
}
export class FoundAnomaly {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /** @example 9000 */
  value: number;
  /** @example 0.98 */
  score: number;
  /** @example 300 */
  lower: number | null;
  /** @example 700 */
  upper: number | null;
}

/** What a model said; which fields there are depends on the model. */
export class OutputDto {
  /**
   * `uncertain` below the confidence threshold.
   * @example positive
   */
  label?: string;
  /** @example 0.93 */
  confidence?: number;
  /** One figure a label. */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'number' },
    example: { positive: 0.93, negative: 0.02, neutral: 0.05 },
  })
  scores?: Record<string, number>;
  points?: ForecastPointDto[];
  /**
   * What made a forecast: `model`, or `naive` while none is trained.
   * @example model
   */
  basis?: string;
  anomalies?: FoundAnomaly[];
  /**
   * Points that were looked at; the ones before are what the detector learnt from.
   * @example 850
   */
  judged?: number;
  /** @example "The sky is blue because …" */
  text?: string;
  /** @example [0.1, 0.2] */
  embedding?: number[];
}

export class PredictionResponse {
  /** @example prediction_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example sentiment-analysis */
  model: string;
  /** @example lexicon */
  version: string;
  /** Null when it failed. */
  output: OutputDto | null;
  /**
   * Why it failed.
   * @example null
   */
  error: string | null;
  /** @example 1.7 */
  latency_ms: number;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;

  static from(row: PredictionRow): PredictionResponse {
    const { id, model, output, error, latency_ms } = row;
    return {
      id,
      model,
      version: row.model_version,
      output,
      error,
      latency_ms,
      created_at: row.created_at.toISOString(),
    };
  }
}

export class PredictResponse extends PredictionResponse {
  /** @example completed */
  prediction: string;
  declare output: OutputDto;
}

export class BatchPredictResponse {
  /** @example completed */
  batch_prediction: string;
  /** @example job_01jz3k5v8hf0vbn2x4q6t8w0ya */
  batch_id: string;
  /** @example sentiment-analysis */
  model: string;
  /** In the order of the inputs. */
  results: PredictionResponse[];
  /** @example 2 */
  succeeded: number;
  /** @example 0 */
  failed: number;
  /** @example 4.2 */
  latency_ms: number;
}

export const RANGES: Record<string, number> = {
  '15m': 900,
  '1h': 3600,
  '6h': 21_600,
  '24h': 86_400,
  '7d': 604_800,
  '30d': 2_592_000,
};
const isRange = () =>
  Matches(/^(15m|1h|6h|24h|7d|30d)$/, { message: '$property must be one of 15m, 1h, 6h, 24h, 7d, 30d' });

export class PredictionsQuery extends PageQuery {
  /**
   * How far back.
   * @example 1h
   */
  @MayBeAbsent()
  @isRange()
  range?: string;
  /** @example sentiment-analysis */
  @MayBeAbsent()
  @IsLine(100)
  model?: string;
}

export class PredictionHistoryQuery {
  /**
   * How far back.
   * @example 24h
   */
  @MayBeAbsent()
  @isRange()
  period?: string;
}

export class HistoryBucket {
  /** @example 2026-06-19T15:00:00.000Z */
  timestamp: string;
  /** @example sentiment-analysis */
  model: string;
  /** @example 42 */
  predictions: number;
  /** @example 0 */
  errors: number;
  /** @example 1.4 */
  latency_p50_ms: number | null;
  /** @example 4.1 */
  latency_p95_ms: number | null;
  /** @example 0.81 */
  confidence_avg: number | null;
}
export class PredictionHistoryResponse {
  /** @example 24h */
  period: string;
  /** Oldest first; buckets without predictions are left out. */
  history: HistoryBucket[];
}
