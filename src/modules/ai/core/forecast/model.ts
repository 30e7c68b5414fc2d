import type { Expert } from './experts.js';
import type { IntervalState } from './interval.js';
import type { ForecastMetrics } from './metrics.js';
import type { MixtureState } from './mixture.js';
import type { TrustState } from './trust.js';

/** What may be asked for. `auto` lets the hold-out choose. */
export const MODEL_TYPES = ['auto', 'neural_network', 'linear_regression', 'gradient_boosting'] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** What answers: one expert by its name, or the online mixture of all. */
export const MIXTURE = 'mixture';

/** Horizons in buckets that one set of experts answers, both included, and the one its errors are measured at. */
export interface Band {
  from: number;
  to: number;
  measured: number;
}

/** The forecasters for a range of horizons, with what they have learnt of their own errors. */
export interface BandModel extends Band {
  experts: Expert[];
  /** `mixture` or the name of one expert. */
  servedBy: string;
  mixture: MixtureState;
  /** What is known of how much of the mixture's change to believe; models of before this was learnt have none. */
  trust?: TrustState;
  interval: IntervalState;
}

/** What is known of a model's quality. All figures come from a hold-out that the measured fit never saw. */
export interface ForecastCard {
  /** Over all measured horizons. */
  metrics: ForecastMetrics;
  /** What answers most horizons; `naive` when the model lost to the naive forecast. */
  servedBy: string;
  /** By band of horizons. */
  bands: { from: number; to: number; measured: number; servedBy: string; metrics: ForecastMetrics }[];
  /** Error of each candidate over the naive error, geometric mean over the bands; null where naive made no error. */
  candidates: Record<string, number | null>;
  /** Observed buckets it was trained on. */
  trainedOn: number;
  /** Buckets at the end of the series that quality was measured on before the last fit. */
  heldOut: number;
}

/** A trained forecaster: plain data, deterministic for the same series, options and seed. */
export interface ForecastModel {
  kind: 'forecast';
  version: 1;
  modelType: ModelType;
  seed: number;
  epochs: number;
  stepMs: number;
  cycles: [number, number];
  bands: BandModel[];
  /** Half-life of the mixture in buckets. */
  halfLife: number;
  /** True when the series was never below zero: forecasts and bounds are then kept from going there. */
  nonNegative: boolean;
  /** End of the series, as context for forecasts; null for buckets without an observation. */
  tail: { startMs: number; values: (number | null)[] };
  card: ForecastCard;
}

/** The model's longest horizon in buckets. */
export function longestHorizon(model: ForecastModel): number {
  return model.bands.at(-1)?.to ?? 0;
}
