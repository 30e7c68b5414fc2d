export { type ForecastOptions, type ForecastPoint, forecast } from './forecast.js';
export type { ForecastMetrics } from './metrics.js';
export {
  type ForecastCard,
  type ForecastModel,
  MODEL_TYPES,
  type ModelType,
} from './model.js';
export type { RegularSeries, SeriesInput, TimedValue } from './series.js';
export { MAX_HORIZON, type TrainOptions, trainForecaster } from './train.js';
