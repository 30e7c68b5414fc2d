import { median, significant } from '../numeric/statistics.js';
import type { Progress } from '../progress.js';
import type { Dataset } from './dataset.js';

/** A linear model on standardised features. */
export interface RidgeModel {
  kind: 'ridge';
  centre: number[];
  /** Coefficient over the feature's scale. */
  slope: number[];
  intercept: number;
  /** Standardised features are cut off at this distance from the mean. */
  cut: number;
  scale: number[];
}

export interface RidgeOptions {
  /** L2 penalty per row. */
  penalty?: number;
  /** Residuals beyond this many robust standard deviations count linearly (Huber's k). */
  huber?: number;
  iterations?: number;
  /** Weight of a row falls by half over this many rows; infinite when left out. */
  halfLife?: number;
}

const CUT = 8;

interface Standardised {
  z: Float64Array;
  centre: Float64Array;
  scale: Float64Array;
}

function standardise(data: Dataset): Standardised {
  const { rows, width, x } = data;
  const centre = new Float64Array(width);
  const scale = new Float64Array(width);
  for (let row = 0; row < rows; row++) for (let j = 0; j < width; j++) centre[j] += x[row * width + j] / rows;
  for (let row = 0; row < rows; row++)
    for (let j = 0; j < width; j++) scale[j] += (x[row * width + j] - centre[j]) ** 2 / rows;
  for (let j = 0; j < width; j++)
    scale[j] = Math.sqrt(scale[j]) > 1e-12 * (Math.abs(centre[j]) + 1e-300) ? Math.sqrt(scale[j]) : 0;
  const z = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++)
    for (let j = 0; j < width; j++)
      z[row * width + j] = cutOff((x[row * width + j] - centre[j]) * inverse(scale[j]));
  return { z, centre, scale };
}

function inverse(scale: number): number {
  return scale > 0 ? 1 / scale : 0;
}

function cutOff(value: number): number {
  return Math.min(CUT, Math.max(-CUT, value));
}

/** Solves a symmetric positive definite system by Cholesky, in place; `a` is row-major. */
function solve(a: Float64Array, b: Float64Array, size: number): Float64Array {
  for (let j = 0; j < size; j++) {
    for (let k = 0; k < j; k++)
      for (let i = j; i < size; i++) a[i * size + j] -= a[i * size + k] * a[j * size + k];
    const pivot = Math.sqrt(Math.max(a[j * size + j], 1e-12));
    for (let i = j; i < size; i++) a[i * size + j] /= pivot;
  }
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) b[i] -= a[i * size + k] * b[k];
    b[i] /= a[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) b[i] -= a[k * size + i] * b[k];
    b[i] /= a[i * size + i];
  }
  return b;
}

/** Normal equations of weighted least squares; the last coefficient is the intercept and is not penalised. */
function weightedFit(
  z: Float64Array,
  y: Float64Array,
  weights: Float64Array,
  width: number,
  penalty: number,
): Float64Array {
  const size = width + 1;
  const a = new Float64Array(size * size);
  const b = new Float64Array(size);
  let total = 0;
  for (let row = 0; row < y.length; row++) {
    const weight = weights[row];
    const base = row * width;
    total += weight;
    for (let i = 0; i < width; i++) {
      const weighted = weight * z[base + i];
      if (weighted === 0) continue;
      const at = i * size;
      for (let j = 0; j <= i; j++) a[at + j] += weighted * z[base + j];
      a[width * size + i] += weighted;
      b[i] += weighted * y[row];
    }
    b[width] += weight * y[row];
  }
  for (let i = 0; i < width; i++) a[i * size + i] += penalty * total + 1e-9;
  a[width * size + width] = total + 1e-9;
  return solve(a, b, size);
}

/**
 * Ridge regression with Huber weights, fitted by iteratively reweighted least squares: large residuals pull linearly
 * instead of squarely, so that bursts do not bend the model (Huber 1964).
 */
export function fitRidge(data: Dataset, options: RidgeOptions, progress: Progress): RidgeModel {
  const { penalty = 0.01, huber = 0.5, iterations = 6, halfLife = Number.POSITIVE_INFINITY } = options;
  const { z, centre, scale } = standardise(data);
  const { rows, width, y } = data;
  const recency = Float64Array.from({ length: rows }, (_, row) => 0.5 ** ((rows - 1 - row) / halfLife));
  const weights = recency.slice();
  const sizes = new Float64Array(rows);
  let beta = new Float64Array(width + 1);
  let knee = huber * 1.4826 * median(y.map(Math.abs));
  for (let iteration = 0; iteration < iterations; iteration++) {
    for (let row = 0; row < rows; row++) weights[row] = recency[row] * huberWeight(sizes[row], knee);
    beta = weightedFit(z, y, weights, width, penalty) as Float64Array<ArrayBuffer>;
    for (let row = 0; row < rows; row++) {
      let fitted = beta[width];
      for (let j = 0; j < width; j++) fitted += beta[j] * z[row * width + j];
      sizes[row] = Math.abs(y[row] - fitted);
    }
    knee = huber * 1.4826 * median(sizes);
    progress.report('linear_regression', iteration + 1, iterations, knee);
  }
  return {
    kind: 'ridge',
    centre: Array.from(centre, (value) => significant(value, 12)),
    scale: Array.from(scale, (value) => significant(value, 12)),
    slope: Array.from(beta.subarray(0, width), (value) => significant(value, 10)),
    intercept: significant(beta[width], 10),
    cut: CUT,
  };
}

function huberWeight(size: number, knee: number): number {
  return size <= knee || size === 0 ? 1 : knee > 0 ? knee / size : 1e-6;
}

/** The change that the model expects. */
export function predictRidge(model: RidgeModel, row: Float64Array): number {
  let sum = model.intercept;
  for (let j = 0; j < model.slope.length; j++)
    sum += model.slope[j] * cutOff((row[j] - model.centre[j]) * inverse(model.scale[j]));
  return sum;
}
