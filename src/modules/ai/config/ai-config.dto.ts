import { PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsNumber, IsObject, Max, Min, ValidateNested } from 'class-validator';
import { AllMayBeAbsent, IsDuration, MayBeAbsent } from '../../../platform/http/index.js';
import { MODEL_TYPES, type ModelType } from '../core/index.js';

const CONFIG_SECTIONS = ['general', 'models', 'training', 'forecast', 'anomalies'] as const;
export type ConfigSection = (typeof CONFIG_SECTIONS)[number];

/** How models answer. */
export class ModelsConfig {
  /**
   * Longest time that one prediction may take.
   * @example 30s
   */
  @IsDuration('100ms', '10m')
  default_timeout: string;
  /**
   * Predictions of this tenant at the same time; further ones wait, then get 503.
   * @example 10
   */
  @IsInt()
  @Min(1)
  @Max(100)
  max_concurrent: number;
}

/** When models are trained. */
export class TrainingConfig {
  /**
   * How often a running training's progress is saved.
   * @example 5m
   */
  @IsDuration('1s', '1h')
  auto_save_interval: string;
  /**
   * How often the load predictor is trained anew.
   * @example 24h
   */
  @IsDuration('1h', '30d')
  retrain_interval: string;
  /**
   * Versions of a model that are kept.
   * @example 10
   */
  @IsInt()
  @Min(1)
  @Max(50)
  keep_versions: number;
}

/** What is forecast. */
export class ForecastConfig {
  /**
   * Length of one step.
   * @example 5m
   */
  @IsIn(['1m', '5m', '15m', '1h'])
  step: string;
  /**
   * Share of the actual values that a prediction interval is to hold.
   * @example 0.9
   */
  @IsNumber()
  @Min(0.5)
  @Max(0.99)
  interval: number;
}

/** What counts as odd. */
export class AnomaliesConfig {
  /** @example true */
  @IsBoolean()
  enabled: boolean;
  /**
   * Whether findings raise alerts.
   * @example true
   */
  @IsBoolean()
  alerts: boolean;
}

/** A tenant's AI settings. */
export class AiConfigResponse {
  /**
   * Whether models are trained on this tenant's traffic and answer.
   * @example true
   */
  @IsBoolean()
  enabled: boolean;
  /**
   * Which forecaster is trained; `auto` lets the hold-out choose.
   * @example auto
   */
  @IsIn(MODEL_TYPES)
  model_type: ModelType;
  /**
   * Below this confidence a classification is `uncertain`, when a request names no threshold of its own.
   * @example 0.5
   */
  @IsNumber()
  @Min(0)
  @Max(1)
  confidence_threshold: number;
  /**
   * Whether forecasts set weights of `adaptive_ai` pools before a peak.
   * @example true
   */
  @IsBoolean()
  predictive_scaling: boolean;
  /**
   * Of the neural network.
   * @example 0.003
   */
  @IsNumber()
  @Min(0.000001)
  @Max(1)
  learning_rate: number;
  @IsObject()
  @ValidateNested()
  @Type(() => ModelsConfig)
  models: ModelsConfig;
  @IsObject()
  @ValidateNested()
  @Type(() => TrainingConfig)
  training: TrainingConfig;
  @IsObject()
  @ValidateNested()
  @Type(() => ForecastConfig)
  forecast: ForecastConfig;
  @IsObject()
  @ValidateNested()
  @Type(() => AnomaliesConfig)
  anomalies: AnomaliesConfig;
}

export const DEFAULT_AI_CONFIG: Readonly<AiConfigResponse> = {
  enabled: true,
  model_type: 'auto',
  confidence_threshold: 0.5,
  predictive_scaling: true,
  learning_rate: 0.003,
  models: { default_timeout: '30s', max_concurrent: 10 },
  training: { auto_save_interval: '5m', retrain_interval: '24h', keep_versions: 10 },
  forecast: { step: '5m', interval: 0.9 },
  anomalies: { enabled: true, alerts: true },
};

class PartialModels extends AllMayBeAbsent(ModelsConfig) {}
class PartialTraining extends AllMayBeAbsent(TrainingConfig) {}
class PartialForecast extends AllMayBeAbsent(ForecastConfig) {}
class PartialAnomalies extends AllMayBeAbsent(AnomaliesConfig) {}

/** Any part of the settings; what is not sent stays as it is, inside the sections too. */
export class UpdateAiConfigRequest {
  /** @example true */
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;
  /** @example neural_network */
  @MayBeAbsent()
  @IsIn(MODEL_TYPES)
  model_type?: ModelType;
  /** @example 0.8 */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  confidence_threshold?: number;
  /** @example true */
  @MayBeAbsent()
  @IsBoolean()
  predictive_scaling?: boolean;
  /** @example 0.001 */
  @MayBeAbsent()
  @IsNumber()
  @Min(0.000001)
  @Max(1)
  learning_rate?: number;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => PartialModels)
  models?: PartialModels;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => PartialTraining)
  training?: PartialTraining;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => PartialForecast)
  forecast?: PartialForecast;
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => PartialAnomalies)
  anomalies?: PartialAnomalies;
}

export class AiConfigQuery {
  /**
   * Only this section; `general` is what stands outside of the others.
   * @example models
   */
  @MayBeAbsent()
  @IsIn(CONFIG_SECTIONS)
  section?: ConfigSection;

  /** @example json */
  @MayBeAbsent()
  @IsIn(['json'])
  format?: 'json';
}

/** The settings, or with `section` that part of them. */
export class AiConfigSectionResponse extends PartialType(AiConfigResponse) {}
