import { Random } from '../numeric/random.js';
import type { Progress } from '../progress.js';
import { FEATURES, type FeatureBuilder } from './features.js';
import type { History } from './history.js';
import type { Band } from './model.js';

/** Rows of features with what was to be forecast: the change of the series from the last value to the target. */
export interface Dataset {
  rows: number;
  width: number;
  /** Row-major, `rows * width`, oldest row first. */
  x: Float64Array;
  /** Target: value at the target bucket less the last value known at the origin. */
  y: Float64Array;
}

/** Rows beyond this many are left out, oldest first. */
const MAX_ROWS = 20_000;

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

/** Rows of several datasets in turn, one of each: as many as the largest has, in the order of time. */
export function interleave(sets: readonly Dataset[]): Dataset {
  const width = FEATURES;
  const rows = Math.max(...sets.map((set) => set.rows));
  const merged: Dataset = { rows, width, x: new Float64Array(rows * width), y: new Float64Array(rows) };
  for (let row = 0; row < rows; row++) {
    const set = sets[row % sets.length];
    const from = Math.floor((row * set.rows) / rows);
    merged.x.set(set.x.subarray(from * width, (from + 1) * width), row * width);
    merged.y[row] = set.y[from];
  }
  return merged;
}
