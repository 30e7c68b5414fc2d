import { type BoostingModel, predictBoosting } from './boosting.js';
import type { Dataset } from './dataset.js';
import { featureIndex } from './features.js';
import { type MlpModel, mlpPredictor } from './mlp.js';
import { predictRidge, type RidgeModel } from './ridge.js';

/**
 * One forecaster among others; all answer with the change from the last value. The answer is what the base feature says
 * (a moving mean or median, the same time yesterday, or 0 without a base) and what the model adds to it. A base other
 * than the last value keeps a last value that is a burst out of what the model has to learn.
 */
export interface Expert {
  name: string;
  /** Column of the base; null for the last value itself. */
  base: number | null;
  /** null when the base is the whole forecast. */
  model: RidgeModel | BoostingModel | MlpModel | null;
}

/** Name of the forecast that nothing changes; every model is measured against it. */
export const NAIVE = 'naive';

const rule = (name: string, feature: string): Expert => ({ name, base: featureIndex(feature), model: null });

/** Forecasts that need no training. */
export const RULES: readonly Expert[] = [
  { name: NAIVE, base: null, model: null },
  rule('seasonal', 'profile'),
  rule('seasonal_change', 'profile change'),
  rule('ewma_fast', 'EWMA 0.6'),
  rule('ewma', 'EWMA 0.3'),
  rule('ewma_slow', 'EWMA 0.1'),
  rule('moving_median', 'median of 15'),
];

function correctionOf({ model }: Expert): (row: Float64Array) => number {
  if (model === null) return () => 0;
  if (model.kind === 'ridge') return (row) => predictRidge(model, row);
  if (model.kind === 'trees') return (row) => predictBoosting(model, row);
  return mlpPredictor(model);
}

/** Makes the function that evaluates an expert on a feature row. */
export function predictorOf(expert: Expert): (row: Float64Array) => number {
  const correction = correctionOf(expert);
  const { base } = expert;
  return base === null ? correction : (row) => row[base] + correction(row);
}

/** The same rows with what a model on this base has to learn. */
export function relativeTo(data: Dataset, base: number | null): Dataset {
  if (base === null) return data;
  return { ...data, y: data.y.map((value, row) => value - data.x[row * data.width + base]) };
}
