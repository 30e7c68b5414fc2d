import { Random } from '../numeric/random.js';
import type { Progress } from '../progress.js';
import { fitBoosting } from './boosting.js';
import type { Dataset } from './dataset.js';
import { type Expert, RULES, relativeTo } from './experts.js';
import { FEATURES, type FeatureBuilder, featureIndex } from './features.js';
import type { History } from './history.js';
import { fitMlp } from './mlp.js';
import type { ModelType } from './model.js';
import { fitRidge } from './ridge.js';

/** Horizons in buckets that one set of experts answers, both included, and the one its errors are measured at. */
export interface Band {
  from: number;
  to: number;
  measured: number;
}

/** How experts are fitted. */
export interface FitPlan {
  modelType: ModelType;
  epochs: number;
  learningRate?: number;
  seed: number;
  /** Whether `auto` has the neural network among its experts, by far the slowest to fit; default true. */
  network?: boolean;
}

/** Rows beyond this many are left out, oldest first. */
const MAX_ROWS = 20_000;
/** An epoch of boosting is so many rounds. */
const ROUNDS_PER_EPOCH = 10;
const MAX_ROUNDS = 100;

/** Bands that widen with the horizon, up to `longest`: 1, 2–3, 4–12, 13–48, 49–144, 145–288. */
export function bandsUpTo(longest: number): Band[] {
  const ends = [1, 3, 12, 48, 144, 288].filter((end) => end < longest);
  return [...ends, longest].map((to, i, all) => {
    const from = i === 0 ? 1 : all[i - 1] + 1;
    return { from, to, measured: Math.round(Math.sqrt(from * to)) };
  });
}

/**
 * Rows whose targets were observed at or before bucket `end`. Where a band has several horizons each row has one of
 * them, drawn by seed.
 */
export function makeDataset(
  history: History,
  features: FeatureBuilder,
  band: Band,
  end: number,
  seed: number,
  progress: Progress,
): Dataset {
  const random = new Random(seed);
  const first = Math.max(Math.min(history.day, end >> 2), end - MAX_ROWS);
  const pairs: [number, number][] = [];
  for (let t = first; t + band.from <= end; t++) {
    const h = band.from + random.integer(Math.min(band.to, end - t) - band.from + 1);
    if (!Number.isNaN(history.observed[t + h])) pairs.push([t, h]);
  }
  const data: Dataset = {
    rows: pairs.length,
    width: FEATURES,
    x: new Float64Array(pairs.length * FEATURES),
    y: new Float64Array(pairs.length),
  };
  pairs.forEach(([t, h], row) => {
    if ((row & 255) === 0) progress.checkStop();
    features.write(t, h, data.x, row * FEATURES);
    data.y[row] = history.observed[t + h] - history.filled[t];
  });
  return data;
}

/** Every `stride`-th row of several datasets, as one. */
function merge(parts: Dataset[], stride: number): Dataset {
  const kept = parts.flatMap((part) =>
    Array.from({ length: Math.ceil(part.rows / stride) }, (_, i) => [part, i * stride] as const),
  );
  const width = FEATURES;
  const merged: Dataset = {
    rows: kept.length,
    width,
    x: new Float64Array(kept.length * width),
    y: new Float64Array(kept.length),
  };
  kept.forEach(([part, row], i) => {
    merged.x.set(part.x.subarray(row * width, (row + 1) * width), i * width);
    merged.y[i] = part.y[row];
  });
  return merged;
}

/** Bases of the tree ensembles; a single model type uses the first. */
const TREE_BASES: readonly { name: string; base: number | null }[] = [
  { name: 'gradient_boosting', base: null },
  { name: 'gradient_boosting_on_ewma', base: featureIndex('EWMA 0.3') },
  { name: 'gradient_boosting_on_median', base: featureIndex('median of 15') },
];

function fitLinear(data: Dataset, progress: Progress): Expert {
  return { name: 'linear_regression', base: null, model: fitRidge(data, {}, progress) };
}

function fitTrees(data: Dataset, plan: FitPlan, seed: number, progress: Progress): Expert[] {
  const rounds = Math.min(MAX_ROUNDS, plan.epochs * ROUNDS_PER_EPOCH);
  const bases = plan.modelType === 'auto' ? TREE_BASES : TREE_BASES.slice(0, 1);
  return bases.map(({ name, base }, i) => {
    const part = progress.part(i / bases.length, (i + 1) / bases.length);
    return { name, base, model: fitBoosting(relativeTo(data, base), { rounds, seed: seed + i }, part) };
  });
}

/** One network for all bands, since the horizon is among its inputs. */
function fitNetwork(sets: Dataset[], plan: FitPlan, progress: Progress): Expert {
  const stride = Math.max(1, Math.floor(sets.length / 2));
  const { epochs, learningRate, seed } = plan;
  return {
    name: 'neural_network',
    base: null,
    model: fitMlp(merge(sets, stride), { epochs, learningRate, seed }, progress),
  };
}

/**
 * Fits the experts of every band on what was observed up to bucket `end`.
 *
 * @returns the experts of each band, in the order of the bands
 * @throws TrainingStoppedError
 */
export function fitBands(
  history: History,
  features: FeatureBuilder,
  bands: readonly Band[],
  end: number,
  plan: FitPlan,
  progress: Progress,
): Expert[][] {
  const { modelType, seed, network = true } = plan;
  const wants = (type: ModelType) => modelType === type || modelType === 'auto';
  const sets = bands.map((band, i) => makeDataset(history, features, band, end, seed + i, progress));
  const fitted: Expert[][] = bands.map(() => (modelType === 'auto' ? [...RULES] : [RULES[0]]));
  const networkShare = wants('neural_network') && network ? (modelType === 'auto' ? 0.4 : 1) : 0;
  sets.forEach((data, i) => {
    const part = progress.part(
      ((1 - networkShare) * i) / sets.length,
      ((1 - networkShare) * (i + 1)) / sets.length,
    );
    if (wants('linear_regression')) fitted[i].push(fitLinear(data, part.part(0, 0.2)));
    if (wants('gradient_boosting'))
      fitted[i].push(...fitTrees(data, plan, seed + 101 * i, part.part(0.2, 1)));
  });
  if (networkShare > 0) {
    const network = fitNetwork(sets, plan, progress.part(1 - networkShare, 1));
    for (const experts of fitted) experts.push(network);
  }
  return fitted;
}
