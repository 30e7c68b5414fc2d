import type { AiConfig } from '../config/ai-config.service.js';

/** What one prediction is made from. */
export interface PredictionRequest {
  tenantId: string;
  input: PredictionInput;
  config: AiConfig;
  signal: AbortSignal;
}

/** A text, or what a forecast or a search for anomalies works on. */
export type PredictionInput = string | StructuredInput;
export interface StructuredInput {
  text?: string;
  prompt?: string;
  messages?: { role: string; content: string }[];
  task?: 'generate' | 'chat' | 'embed';
  horizon?: number;
  pool?: string;
  series?: { timestamp: string; value: number }[];
  accurate?: boolean;
}

/** What a model said; which fields there are depends on the model. */
export interface ModelOutput {
  label?: string;
  confidence?: number;
  scores?: Record<string, number>;
  points?: { timestamp: string; value: number; lower: number; upper: number }[];
  basis?: string;
  judged?: number;
  anomalies?: {
    timestamp: string;
    value: number;
    score: number;
    lower: number | null;
    upper: number | null;
  }[];
  text?: string;
  embedding?: number[];
}

export interface ModelAnswer {
  output: ModelOutput;
  /** Version of what answered. */
  version: string;
}

/** A deployed model as its runtime sees it. */
export interface DeployedModel {
  /** Whose it is; left out for the built-in ones, which are everybody's. */
  tenant_id?: string;
  name: string;
  version: string;
  config: ModelSettings;
}

export interface ModelSettings {
  runtime?: 'builtin' | 'onnx' | 'ollama';
  /** Built-in model that answers, for `builtin`. */
  base?: string;
  /** Name at the runtime, when it is another one (`llama3.2:1b`). */
  model?: string;
  /** Directory below DATA_DIR/models, for `onnx`. */
  path?: string;
  /** Fetch the model when the runtime lacks it (`ollama`). */
  pull?: boolean;
  gpu_enabled?: boolean;
  /** Predictions at the same time. */
  max_instances?: number;
  timeout?: string;
}

export type Availability =
  | { status: 'deployed' }
  | { status: 'pulling' }
  | { status: 'unavailable'; reason: string };

/** Something that can run models. */
export interface ModelRuntime {
  readonly kind: 'builtin' | 'onnx' | 'ollama';
  /** Looks whether the model's weights are really there; `pulling`: they can be fetched. */
  check(model: DeployedModel): Promise<Availability>;
  predict(model: DeployedModel, request: PredictionRequest): Promise<ModelAnswer>;
}
