export * from './anomaly/index.js';
export { InvalidInputError, NotEnoughDataError } from './errors.js';
export * from './forecast/index.js';
export { isMeasure, MAX_MEASURE } from './measure.js';
export type { TrainingInfo } from './progress.js';
export * from './sentiment/index.js';
export * from './simulator/index.js';
export type { TrainedModel, TrainingJob } from './training.js';
export type { TrainingMessage, TrainingWorkerData } from './training.worker.js';
