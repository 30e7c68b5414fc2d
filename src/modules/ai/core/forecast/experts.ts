import { type BoostingModel, predictBoosting } from './boosting.js';
import { featureIndex } from './features.js';
import { type MlpModel, mlpPredictor } from './mlp.js';
import { predictRidge, type RidgeModel } from './ridge.js';

/** A forecast that needs no training: nothing changes (`null`), or the series goes to where one feature says. */
export interface RuleModel {
  kind: 'rule';
  feature: number | null;
}

/** One forecaster among others; all answer with the change from the last value. */
export interface Expert {
  name: string;
  model: RuleModel | RidgeModel | BoostingModel | MlpModel;
}

/** Name of the forecast that nothing changes; every model is measured against it. */
export const NAIVE = 'naive';

/** Forecasts that need no training. */
export const RULES: readonly Expert[] = [
  { name: NAIVE, model: { kind: 'rule', feature: null } },
  { name: 'seasonal', model: { kind: 'rule', feature: featureIndex('profile') } },
  { name: 'seasonal_change', model: { kind: 'rule', feature: featureIndex('profile change') } },
  { name: 'ewma_fast', model: { kind: 'rule', feature: featureIndex('EWMA 0.6') } },
  { name: 'ewma', model: { kind: 'rule', feature: featureIndex('EWMA 0.3') } },
  { name: 'ewma_slow', model: { kind: 'rule', feature: featureIndex('EWMA 0.1') } },
  { name: 'moving_median', model: { kind: 'rule', feature: featureIndex('median of 15') } },
];

/** Makes the function that evaluates an expert on a feature row. */
export function predictorOf({ model }: Expert): (row: Float64Array) => number {
  if (model.kind === 'ridge') return (row) => predictRidge(model, row);
  if (model.kind === 'trees') return (row) => predictBoosting(model, row);
  if (model.kind === 'mlp') return mlpPredictor(model);
  const { feature } = model;
  return feature === null ? () => 0 : (row) => row[feature];
}
