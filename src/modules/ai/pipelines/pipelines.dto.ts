import { ApiExtraModels, ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsObject,
  Matches,
  ValidateNested,
} from 'class-validator';
import { invalidField } from '../../../common/errors.js';
import { IsLine, MayBeAbsent, PageQuery, queryBoolean } from '../../../platform/http/index.js';
import type { PredictionInput } from '../models/runtime.js';
import { IsInput, inputSchema, OutputDto, StructuredInputDto } from '../predictions/predictions.dto.js';
import { TARGETS, type Target } from './batch-executor.js';
import type { Pipeline } from './pipeline.entity.js';
import { RUN_STATUSES, type RunInput, type RunRow, type RunStatus } from './pipeline-runs.repository.js';
import { STEP_NAMES, type StepName } from './step-schemas.js';

const MAX_STEPS = 20;
const MAX_INPUTS = 20_000;
const scalar = [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }];

export class PipelineStepRequest {
  /** @example sentiment_analysis */
  @IsIn(STEP_NAMES)
  name: StepName;
  /** By the step's schema, which GET /api/ai/pipeline-steps lists. */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { oneOf: scalar },
    example: { model: 'sentiment-analysis' },
  })
  @MayBeAbsent()
  @IsObject()
  parameters?: Record<string, string | number | boolean>;
}

export class CreatePipelineRequest {
  /** @example "Review pipeline" */
  @IsLine(100)
  name: string;
  /**
   * Letters, digits and _ - of your choice; the category follows from it or from the steps.
   * @example text_processing
   */
  @Matches(/^[a-z][\w-]{0,59}$/i)
  type: string;
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_STEPS)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => PipelineStepRequest)
  steps: PipelineStepRequest[];
}

export class UpdatePipelineRequest {
  /** @example "Review pipeline" */
  @MayBeAbsent()
  @IsLine(100)
  name?: string;
  /** @example text_processing */
  @MayBeAbsent()
  @Matches(/^[a-z][\w-]{0,59}$/i)
  type?: string;
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_STEPS)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => PipelineStepRequest)
  steps?: PipelineStepRequest[];
}

export class PipelinesQuery extends PageQuery {
  /** @example nlp */
  @MayBeAbsent()
  @IsLine(60)
  category?: string;
}

export class PipelineStepResponse {
  /** @example sentiment_analysis */
  name: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: { oneOf: scalar },
    example: { model: 'sentiment-analysis' },
  })
  parameters: Record<string, string | number | boolean>;
}

export class PipelineResponse {
  /** @example pipeline_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example "Review pipeline" */
  name: string;
  /** @example text_processing */
  type: string;
  /**
   * `nlp`, `vision`, `time_series` or `mixed`.
   * @example nlp
   */
  category: string;
  steps: PipelineStepResponse[];
  /**
   * Counts the changes.
   * @example 1
   */
  version: number;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;
  /** @example 2026-06-19T15:30:00.000Z */
  updated_at: string;

  static from(row: Pipeline): PipelineResponse {
    const { id, name, type, category, steps, version } = row;
    return {
      id,
      name,
      type,
      category,
      steps,
      version,
      created_at: row.created_at.toISOString(),
      updated_at: row.updated_at.toISOString(),
    };
  }
}

export class PipelineDeletedResponse {
  /** @example deleted */
  pipeline: string;
  /** @example pipeline_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
}

export class RunPipelineQuery {
  /**
   * Run it in the background; the answer comes at once, with the run's id.
   * @example true
   */
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  async?: boolean;
}

@ApiExtraModels(StructuredInputDto)
export class RunPipelineRequest {
  /** One of `input` and `inputs`. */
  @ApiPropertyOptional({ ...inputSchema, example: 'What a wonderful day' })
  @MayBeAbsent()
  @IsInput(false)
  input?: PredictionInput;
  /** A batch: at most 1,000 within the request, 20,000 with `async=true`; each input has a result of its own. */
  @ApiPropertyOptional({ type: 'array', items: inputSchema, example: ['What a wonderful day', 'How sad'] })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_INPUTS)
  @IsInput(true)
  inputs?: PredictionInput[];
  /**
   * Where a batch is worked on. `dask`: on the cluster behind DASK_BRIDGE_URL; a pipeline with other steps than
   * `normalize`, `tokenize` and the trained `sentiment_analysis` gets 422, and 503 answers while the bridge or the
   * cluster is away. `auto` (default): there from 2,000 inputs on when it can, else here, with the reason in
   * `executor_reason`. The results are the same.
   * @example auto
   */
  @MayBeAbsent()
  @IsIn(TARGETS)
  target?: Target;

  /** @throws AppError 422 unless there is one of `input` and `inputs` */
  checked(): RunInput {
    const { input = null, inputs = null, target = 'auto' } = this;
    if ((input === null) === (inputs === null))
      throw invalidField('input', 'one', 'one of input and inputs is required');
    return { input, inputs, target };
  }
}

export class PipelineOutputDto extends OutputDto {
  /** @example ["What", "a", "day"] */
  tokens?: string[];
  /**
   * ISO 639-1 code; null when the text does not show it.
   * @example en
   */
  language?: string | null;
}

export class StepResultResponse {
  /** @example sentiment_analysis */
  name: string;
  /**
   * `skipped`: an earlier one failed or the run was cancelled.
   * @example completed
   */
  status: 'completed' | 'failed' | 'skipped';
  /**
   * Of a batch, the sum over its inputs; null when it did not run here.
   * @example 1.7
   */
  duration_ms: number | null;
  /**
   * Why it failed.
   * @example null
   */
  error: string | null;
}

/** What came of one input of a batch. */
export class ItemResultResponse {
  output: PipelineOutputDto | null;
  /**
   * Why it failed.
   * @example null
   */
  error: string | null;
}

export class RunPipelineResponse {
  /** @example run */
  pipeline: string;
  /** @example pipeline_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example run_01jz3k5v8hf0vbn2x4q6t8w0ya */
  run_id: string;
  /** @example false */
  async: boolean;
  /** @example completed */
  status: RunStatus;
  /** Of the last step; null until all are completed, and for a batch. */
  output: PipelineOutputDto | null;
  /** Of a batch, in the order of its inputs; null until it has ended. */
  results: ItemResultResponse[] | null;
  /**
   * Inputs of a batch.
   * @example null
   */
  size: number | null;
  /**
   * Where it was worked on.
   * @example local
   */
  executor: 'local' | 'dask';
  /**
   * Why a batch was not worked on by Dask although it is large.
   * @example null
   */
  executor_reason: string | null;
  /**
   * Why it failed.
   * @example null
   */
  error: string | null;
  steps: StepResultResponse[];

  static from(row: RunRow): RunPipelineResponse {
    const { id, pipeline_id, async, status, output, results, size, executor, executor_reason, error, steps } =
      row;
    return {
      pipeline: 'run',
      id: pipeline_id,
      run_id: id,
      async,
      status,
      output,
      results,
      size,
      executor,
      executor_reason,
      error,
      steps,
    };
  }
}

export class RunsQuery extends PageQuery {
  /** @example completed */
  @MayBeAbsent()
  @IsIn(RUN_STATUSES)
  status?: RunStatus;
}

export class PipelineRunResponse {
  /** @example run_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example pipeline_01jz3k5v8hf0vbn2x4q6t8w0ya */
  pipeline_id: string;
  /** @example completed */
  status: RunStatus;
  /** @example true */
  async: boolean;
  /** Of the last step; null until all are completed, and for a batch. */
  output: PipelineOutputDto | null;
  /** Of a batch, in the order of its inputs; null until it has ended, and in lists. */
  results: ItemResultResponse[] | null;
  /**
   * Inputs of a batch.
   * @example null
   */
  size: number | null;
  /**
   * Where it was worked on.
   * @example local
   */
  executor: 'local' | 'dask';
  /**
   * Why a batch was not worked on by Dask although it is large.
   * @example null
   */
  executor_reason: string | null;
  /**
   * Times it was begun: a passing failure is tried three times, a run whose node died is begun anew.
   * @example 1
   */
  attempts: number;
  /**
   * Why it failed.
   * @example null
   */
  error: string | null;
  steps: StepResultResponse[];
  /**
   * Per cent.
   * @example 100
   */
  progress: number;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;
  /** @example 2026-06-19T15:30:00.000Z */
  started_at: string | null;
  /** @example 2026-06-19T15:30:01.000Z */
  finished_at: string | null;

  static from(row: RunRow): PipelineRunResponse {
    const { id, pipeline_id, status, output, results, size, executor, executor_reason } = row;
    const { attempts, error, steps, progress } = row;
    return {
      id,
      pipeline_id,
      status,
      async: row.async,
      output,
      results,
      size,
      executor,
      executor_reason,
      attempts,
      error,
      steps,
      progress,
      created_at: row.created_at.toISOString(),
      started_at: row.started_at?.toISOString() ?? null,
      finished_at: row.finished_at?.toISOString() ?? null,
    };
  }
}

export class StepParameterResponse {
  /** @example model */
  name: string;
  /** @example string */
  type: 'string' | 'integer' | 'number' | 'boolean';
  /** @example false */
  required: boolean;
  /** Null: none. */
  @ApiProperty({ oneOf: scalar, nullable: true, example: 'sentiment-analysis' })
  default: string | number | boolean | null;
  /** @example 0 */
  minimum?: number;
  /** @example 1 */
  maximum?: number;
  /** @example "Name of a built-in or deployed model" */
  description: string;
}

export class StepSchemaResponse {
  /** @example sentiment_analysis */
  name: string;
  /** @example nlp */
  category: 'nlp' | 'time_series';
  /** @example text */
  takes: 'text' | 'series';
  /** @example "Positive, negative or neutral" */
  description: string;
  parameters: StepParameterResponse[];
}
