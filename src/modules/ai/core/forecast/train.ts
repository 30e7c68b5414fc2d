import { InvalidInputError, NotEnoughDataError } from '../errors.js';
import { Progress, type TrainingHooks } from '../progress.js';
import { BandRunner } from './band.js';
import { findCycles } from './cycles.js';
import { FeatureBuilder } from './features.js';
import { bandsUpTo, type FitPlan, fitBands } from './fit.js';
import { History } from './history.js';
import { type BandRun, candidatesOf, compare, type JudgedBand, judge, pick, replay } from './holdout.js';
import { MetricsTally, meanAbsoluteChange } from './metrics.js';
import { Mixture, type MixtureState, subset } from './mixture.js';
import {
  type Band,
  type BandModel,
  type ForecastCard,
  type ForecastModel,
  MIXTURE,
  MODEL_TYPES,
  type ModelType,
} from './model.js';
import { type Grid, observed, type SeriesInput, toGrid } from './series.js';

/** Fewer observed buckets than this are refused. */
export const MIN_SAMPLES = 60;
/** Longest horizon of any model, in buckets. */
export const MAX_HORIZON = 288;
/** A model needs so many observed buckets for each bucket of its longest horizon. */
const SAMPLES_PER_STEP = 6;
const HOLD_OUT = 0.2;
/** An expert that weighs less in a mixture is not kept. */
const MIN_WEIGHT = 0.005;
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
function mixtureHalfLife(history: History): number {
  return Math.max(24, Math.min(2 * history.day, Math.floor(history.length / 10)));
}

/** A series with what is needed to fit and to measure on it. */
interface Ground {
  history: History;
  features: FeatureBuilder;
  bands: Band[];
  /** First bucket of the hold-out. */
  split: number;
  cycles: [number, number];
}

interface Rehearsal {
  runs: BandRun[];
  mixtures: Pick<BandModel, 'mixture' | 'trust'>[];
}

function prepare(grid: Grid, longest: number): Ground {
  const history = new History(grid.startMs, grid.stepMs, grid.values);
  const split = Math.floor(history.length * (1 - HOLD_OUT));
  const cycles = findCycles(history.filled.slice(0, split), grid.stepMs);
  const features = new FeatureBuilder(history, { cycles });
  return { history, features, bands: bandsUpTo(longest), split, cycles };
}

/** Fits on the buckets before the hold-out and runs over it. */
function rehearse({ history, features, bands, split }: Ground, plan: FitPlan, progress: Progress): Rehearsal {
  const experts = fitBands(history, features, bands, split - 1, plan, progress.part(0, 0.85));
  const halfLife = mixtureHalfLife(history);
  const runners = bands.map((band, i) => {
    const model = { ...band, experts: experts[i], servedBy: MIXTURE };
    return new BandRunner(model, features, history, halfLife);
  });
  const settled = replay(runners, split - 1, history.length, progress.part(0.85, 1, 'evaluation'));
  const names = experts.map((own) => own.map(({ name }) => name));
  const runs = bands.map((band, i) => ({ band, names: names[i], settled: settled[i] }));
  return { runs, mixtures: runners.map((runner) => runner.state()) };
}

/** Names of the experts that a band will be served by: all with a weight worth the time in a mixture, else the one. */
function servingExperts(
  judged: JudgedBand,
  names: string[],
  mixture: MixtureState,
  halfLife: number,
): Set<string> {
  if (judged.servedBy !== MIXTURE) return new Set([judged.servedBy]);
  const weights = new Mixture(names.length, halfLife, mixture).weights();
  return new Set(names.filter((_, i) => weights[i] >= MIN_WEIGHT));
}

/** Fits again on the whole series what will be served. */
function finish(
  { history, features, bands }: Ground,
  { runs, mixtures }: Rehearsal,
  judged: JudgedBand[],
  plan: FitPlan,
  progress: Progress,
): BandModel[] {
  const halfLife = mixtureHalfLife(history);
  const only = judged.map((band, i) => servingExperts(band, runs[i].names, mixtures[i].mixture, halfLife));
  const fitted = fitBands(history, features, bands, history.length - 1, { ...plan, only }, progress);
  return judged.map(({ band, servedBy, interval }, i) => {
    const kept = fitted[i].map(({ name }) => runs[i].names.indexOf(name));
    const { mixture, trust } = mixtures[i];
    return { ...band, experts: fitted[i], servedBy, mixture: subset(mixture, kept), trust, interval };
  });
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
 * fitted on the first four fifths; then what proved best is fitted again on all of it.
 *
 * @throws InvalidInputError on unreadable input, NotEnoughDataError, TrainingStoppedError
 */
export function trainForecaster(series: SeriesInput, options: TrainOptions = {}): ForecastModel {
  checkOptions(options);
  const { modelType = 'auto', epochs = 20, learningRate, seed = 1 } = options;
  const plan: FitPlan = { modelType, epochs, learningRate, seed };
  const progress = new Progress(options);
  const grid = toGrid(series);
  const samples = observed(grid.values);
  const ground = prepare(grid, longestFor(samples, options.horizon));
  const { history, split, cycles } = ground;
  const rehearsal = rehearse(ground, plan, progress.part(0, 0.6, 'hold-out'));
  const candidates = compare(rehearsal.runs, candidatesOf(rehearsal.runs[0].names, modelType));
  const scale = meanAbsoluteChange(grid.values, split);
  const total = new MetricsTally();
  const choice = pick(candidates);
  const judged = rehearsal.runs.map((run) => judge(run, choice, scale, total));
  const bands = finish(ground, rehearsal, judged, plan, progress.part(0.6, 1, 'final'));
  const card = {
    ...makeCard(judged, total, scale),
    candidates,
    trainedOn: samples,
    heldOut: history.length - split,
  };
  progress.report('forecast', 1, 1);
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
    bands,
    tail: tailOf(grid, history.day),
    card,
  };
}
