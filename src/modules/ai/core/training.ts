import {
  type ForecastModel,
  type SeriesInput,
  type TrainOptions,
  trainForecaster,
} from './forecast/index.js';
import type { TrainingHooks } from './progress.js';
import {
  type LabelledText,
  type LogisticOptions,
  type LogisticSentimentModel,
  trainLogistic,
} from './sentiment/index.js';

/** Training of one model as plain data, so that it can be sent to a worker thread. */
export type TrainingJob =
  | { kind: 'forecast'; series: SeriesInput; options?: Omit<TrainOptions, keyof TrainingHooks> }
  | {
      kind: 'sentiment';
      rows: readonly LabelledText[];
      options?: Omit<LogisticOptions, keyof TrainingHooks>;
    };

/** What training gives, by kind of job. */
export type TrainedModel = ForecastModel | LogisticSentimentModel;

/**
 * Trains a model on the thread it is called on.
 *
 * @throws NotEnoughDataError, InvalidInputError, TrainingStoppedError
 */
export function runTraining(job: TrainingJob, hooks: TrainingHooks = {}): TrainedModel {
  return job.kind === 'forecast'
    ? trainForecaster(job.series, { ...job.options, ...hooks })
    : trainLogistic(job.rows, { ...job.options, ...hooks });
}
