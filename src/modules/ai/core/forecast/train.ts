import { InvalidInputError, NotEnoughDataError } from '../errors.js';
import { Progress, type TrainingHooks } from '../progress.js';
import { BandRunner } from './band.js';
import { findCycles } from './cycles.js';
import { FeatureBuilder } from './features.js';
import { type Band, bandsUpTo, type FitPlan, fitBands } from './fit.js';
import { History } from './history.js';
import { type BandRun, candidatesOf, compare, type JudgedBand, judge, pick, replay } from './holdout.js';
import { MetricsTally, meanAbsoluteChange } from './metrics.js';
import type { MixtureState } from './mixture.js';
import { type ForecastCard, type ForecastModel, MIXTURE, MODEL_TYPES, type ModelType } from './model.js';
import { type Grid, observed, type SeriesInput, toGrid } from './series.js';

/** Fewer observed buckets than this are refused. */
export const MIN_SAMPLES = 60;
/** Longest horizon of any model, in buckets. */
export const MAX_HORIZON = 288;
/** A model needs so many observed buckets for each bucket of its longest horizon. */
const SAMPLES_PER_STEP = 6;
const HOLD_OUT = 0.2;
/** Buckets of context that a model keeps for itself. */
const MAX_TAIL = 12_000;

export interface TrainOptions extends TrainingHooks {
  /** Default `auto`. */
  modelType?: ModelType;
  /** Passes of the neural network over the rows; trees grow ten rounds an epoch, at most 100. Default 20. */
  epochs?: number;
  /** Of the neural network; default 0.003. */
  learningRate?: number;
  /** Default 1. The same seed, series and options give the same model. */
  seed?: number;
  /** Longest horizon in buckets, 1 to 288; default: as long as the data carries, at most 288. */
  horizon?: number;
}

function checkOptions(options: TrainOptions): void {
  const { epochs = 20, horizon = 1, learningRate = 0.003, modelType = 'auto' } = options;
  if (!MODEL_TYPES.includes(modelType)) throw new InvalidInputError(`unknown model type: ${modelType}`);
  if (!Number.isInteger(epochs) || epochs < 1)
    throw new InvalidInputError('epochs must be a whole number from 1');
  if (!(learningRate > 0 && learningRate <= 1))
    throw new InvalidInputError('the learning rate must be above 0 and at most 1');
  if (!Number.isInteger(horizon) || horizon < 1 || horizon > MAX_HORIZON)
    throw new InvalidInputError(`the horizon must be a whole number from 1 to ${MAX_HORIZON}`);
}

function longestFor(samples: number, wanted: number | undefined): number {
  if (samples < MIN_SAMPLES) throw new NotEnoughDataError(MIN_SAMPLES, samples);
  const possible = Math.min(MAX_HORIZON, Math.floor(samples / SAMPLES_PER_STEP));
  if (wanted !== undefined && wanted > possible)
    throw new NotEnoughDataError(wanted * SAMPLES_PER_STEP, samples);
  return wanted ?? possible;
}

/** Half-life of the mixture's memory in buckets: two days, or a tenth of a series shorter than twenty. */
export function mixtureHalfLife(history: History): number {
  return Math.max(24, Math.min(2 * history.day, Math.floor(history.length / 10)));
}

interface Rehearsal {
  runs: BandRun[];
  mixtures: MixtureState[];
}

/** Fits on buckets before `split` and runs over the rest. */
function rehearse(
  history: History,
  features: FeatureBuilder,
  bands: Band[],
  split: number,
  plan: FitPlan,
  progress: Progress,
): Rehearsal {
  const experts = fitBands(history, features, bands, split - 1, plan, progress.part(0, 0.85));
  const halfLife = mixtureHalfLife(history);
  const runners = bands.map(
    (band, i) =>
      new BandRunner({ ...band, experts: experts[i], servedBy: MIXTURE }, features, history, halfLife),
  );
  const settled = replay(runners, split - 1, history.length, progress.part(0.85, 1, 'evaluation'));
  const runs = bands.map((band, i) => ({
    band,
    names: experts[i].map(({ name }) => name),
    settled: settled[i],
  }));
  return { runs, mixtures: runners.map((runner) => runner.state().mixture) };
}

function makeCard(
  judged: JudgedBand[],
  total: MetricsTally,
  scale: number,
): Pick<ForecastCard, 'metrics' | 'bands' | 'servedBy'> {
  const counts = new Map<string, number>();
  for (const { band, servedBy } of judged)
    counts.set(servedBy, (counts.get(servedBy) ?? 0) + band.to - band.from + 1);
  const [servedBy] = [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  const bands = judged.map(({ band, servedBy: by, metrics }) => ({ ...band, servedBy: by, metrics }));
  return { metrics: total.summary(scale), servedBy, bands };
}

function tailOf(grid: Grid, day: number): ForecastModel['tail'] {
  const length = Math.min(grid.values.length, MAX_TAIL, 9 * day + 64);
  const from = grid.values.length - length;
  const values = Array.from(grid.values.subarray(from), (value) => (Number.isNaN(value) ? null : value));
  return { startMs: grid.startMs + from * grid.stepMs, values };
}

/**
 * Trains a forecaster. Quality is measured by rolling origin over the last fifth of the series, with experts that were
 * fitted on the first four fifths; then everything is fitted again on all of it.
 *
 * @throws InvalidInputError on unreadable input, NotEnoughDataError, TrainingStoppedError
 */
export function trainForecaster(series: SeriesInput, options: TrainOptions = {}): ForecastModel {
  checkOptions(options);
  const { modelType = 'auto', epochs = 20, learningRate, seed = 1 } = options;
  const grid = toGrid(series);
  const samples = observed(grid.values);
  const bands = bandsUpTo(longestFor(samples, options.horizon));
  const history = new History(grid.startMs, grid.stepMs, grid.values);
  const split = Math.floor(history.length * (1 - HOLD_OUT));
  const cycles = findCycles(history.filled.slice(0, split), grid.stepMs);
  const features = new FeatureBuilder(history, { cycles });
  const plan: FitPlan = { modelType, epochs, learningRate, seed };
  const progress = new Progress(options);
  const { runs, mixtures } = rehearse(
    history,
    features,
    bands,
    split,
    plan,
    progress.part(0, 0.5, 'hold-out'),
  );
  const candidates = compare(runs, candidatesOf(runs[0].names, modelType));
  const choice = pick(candidates);
  const scale = meanAbsoluteChange(grid.values, split);
  const total = new MetricsTally();
  const judged = runs.map((run) => judge(run, choice, scale, total));
  const experts = fitBands(
    history,
    features,
    bands,
    history.length - 1,
    plan,
    progress.part(0.5, 1, 'final'),
  );
  return {
    kind: 'forecast',
    version: 1,
    modelType,
    seed,
    epochs,
    stepMs: grid.stepMs,
    cycles,
    halfLife: mixtureHalfLife(history),
    nonNegative: grid.values.every((value) => !(value < 0)),
    bands: judged.map(({ band, servedBy, interval }, i) => ({
      ...band,
      experts: experts[i],
      servedBy,
      mixture: mixtures[i],
      interval,
    })),
    tail: tailOf(grid, history.day),
    card: {
      ...makeCard(judged, total, scale),
      candidates,
      trainedOn: samples,
      heldOut: history.length - split,
    },
  };
}
