export { type ForecastOptions, type ForecastPoint, forecast } from './forecast.js';
export type { ForecastMetrics } from './metrics.js';
export {
  type ForecastCard,
  type ForecastModel,
  longestHorizon,
  MODEL_TYPES,
  type ModelType,
} from './model.js';
export { type RegularSeries, type SeriesInput, type TimedValue, toGrid } from './series.js';
export { MAX_HORIZON, MIN_SAMPLES, type TrainOptions, trainForecaster } from './train.js';
