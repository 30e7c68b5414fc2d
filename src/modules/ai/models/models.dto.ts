import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsDuration, IsLine, MayBeAbsent } from '../../../platform/http/index.js';
import type { ModelDeployment } from './model-deployment.entity.js';
import type { ModelStatus } from './models.repository.js';

const NAME = /^[\w][\w.:/-]{0,99}$/;

/** How a model is run. */
export class ModelConfig {
  /**
   * `builtin` when it is left out.
   * @example builtin
   */
  @MayBeAbsent()
  @IsIn(['builtin', 'onnx', 'ollama'])
  runtime?: 'builtin' | 'onnx' | 'ollama';
  /**
   * Built-in model that answers, for `builtin`.
   * @example sentiment-analysis
   */
  @MayBeAbsent()
  @Matches(NAME)
  base?: string;
  /**
   * Its name at Ollama, when it is another one.
   * @example llama3.2:1b
   */
  @MayBeAbsent()
  @Matches(NAME)
  model?: string;
  /**
   * Directory of a text classifier below `DATA_DIR/models/<your tenant's id>`, which only you can use, or below
   * `DATA_DIR/models`, for `onnx`; the model's name when it is left out. An operator puts it there. It holds
   * `model.onnx` (or `onnx/model.onnx`; its first output: one score for each class, for a batch of one),
   * `labels.json` (`["negative", "positive"]`, in the order of the scores) or a Hugging Face `config.json` with
   * `id2label`, and one of `vocabulary.json` (a list of words; the one input gets their counts as float32 [1, words],
   * words split by Unicode TR 29 and lower case) and `tokenizer.json` (Hugging Face, with `tokenizer_config.json` when
   * there is one; inputs `input_ids`, `attention_mask`, `token_type_ids`, int64 [1, length], at most 512 tokens).
   * Scores that are no probabilities go through a softmax.
   * @example distilbert-sst2
   */
  @MayBeAbsent()
  @Matches(/^[\w][\w.-]*(\/[\w][\w.-]*)*$/)
  @MaxLength(200)
  path?: string;
  /**
   * Let Ollama fetch the model when it lacks it; it is `pulling` meanwhile, with its progress.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  pull?: boolean;
  /**
   * Wished for; the runtime decides.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  gpu_enabled?: boolean;
  /**
   * Predictions at the same time, on each node; further ones wait, and get 503 when they have waited as long as one may
   * take. Of `onnx`, also how many copies are loaded (one when it is left out, never more than cores less one).
   * @example 3
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(64)
  max_instances?: number;
  /**
   * Longest time of one prediction; the tenant's `models.default_timeout` when it is left out.
   * @example 30s
   */
  @MayBeAbsent()
  @IsDuration('100ms', '10m')
  timeout?: string;
}

export class DeployModelRequest {
  /** @example my-sentiment */
  @Matches(NAME, { message: 'model_name must be letters, digits and . _ : / - (at most 100)' })
  model_name: string;
  /** @example '1.0' */
  @MayBeAbsent()
  @IsLine(40)
  version?: string;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ModelConfig)
  config?: ModelConfig;
}

export class UpdateModelRequest {
  /** @example '1.1' */
  @MayBeAbsent()
  @IsLine(40)
  version?: string;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ModelConfig)
  config?: ModelConfig;
}

/** What is known of a model's quality, and where it is weak. */
export class ModelCard {
  /** @example lexicon */
  kind: string;
  /**
   * Share that was right on data that training did not see; null before a training.
   * @example 0.82
   */
  accuracy: number | null;
  /**
   * What that was measured on.
   * @example "806 held-out steps"
   */
  measured_on: string | null;
  /** @example "English only; irony and comparison escape it." */
  limits: string;
}

export class ModelResponse {
  /** @example model_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example my-sentiment */
  name: string;
  /** @example '1.0' */
  version: string;
  /** @example builtin */
  runtime: 'builtin' | 'onnx' | 'ollama';
  /** @example deployed */
  status: ModelStatus;
  /**
   * Why it is unavailable.
   * @example null
   */
  reason: string | null;
  /**
   * Per cent of a pull that runs.
   * @example null
   */
  progress: number | null;
  config: ModelConfig;
  card: ModelCard | null;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string | null;
  /** @example 2026-06-19T15:30:00.000Z */
  updated_at: string | null;

  static from(row: ModelDeployment): ModelResponse {
    return {
      id: row.id,
      name: row.name,
      version: row.version,
      runtime: row.runtime,
      status: row.status,
      reason: row.reason,
      progress: row.status === 'pulling' && row.progress !== null ? Math.round(row.progress * 100) : null,
      config: row.config,
      card: null,
      created_at: row.created_at.toISOString(),
      updated_at: row.updated_at.toISOString(),
    };
  }
}

export class ModelUndeployedResponse {
  /** @example undeployed */
  model: string;
  /** @example model_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
}
