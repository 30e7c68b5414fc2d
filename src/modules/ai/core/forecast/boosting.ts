import { Random } from '../numeric/random.js';
import { median, significant } from '../numeric/statistics.js';
import type { Progress } from '../progress.js';
import { binData } from './binning.js';
import type { Dataset } from './dataset.js';
import { evaluateTree, type Tree, TreeGrower } from './tree.js';

/** A sum of trees; leaf values already carry the learning rate. */
export interface BoostingModel {
  kind: 'trees';
  base: number;
  trees: Tree[];
}

export interface BoostingOptions {
  rounds: number;
  learningRate?: number;
  maxLeaves?: number;
  minLeafRows?: number;
  /** Share of the columns that each tree may use. */
  columnShare?: number;
  /** Share of the rows that each tree learns from. */
  rowShare?: number;
  /** A row is drawn half as often per so many rows of age; all alike when left out. */
  halfLife?: number;
  seed: number;
}

function drawRows(rows: number, count: number, halfLife: number, random: Random): Int32Array {
  const drawn: number[] = [];
  for (let row = 0; row < rows; row++) {
    const chance = (count / rows) * 0.5 ** ((rows - 1 - row) / halfLife);
    if (random.next() < chance) drawn.push(row);
  }
  return Int32Array.from(drawn);
}

function drawColumns(width: number, share: number, random: Random): Int32Array {
  const columns = Int32Array.from({ length: width }, (_, i) => i);
  if (share >= 1) return columns;
  random.shuffle(columns);
  return columns.slice(0, Math.max(4, Math.round(width * share))).sort();
}

/**
 * Gradient-boosted histogram trees for the absolute error: each tree is grown on the signs of the residuals and its
 * leaves take the median residual (Friedman 2001, LAD TreeBoost), so the forecast is of the median and bursts do not
 * pull it.
 */
export function fitBoosting(data: Dataset, options: BoostingOptions, progress: Progress): BoostingModel {
  const {
    rounds,
    learningRate = 0.09,
    maxLeaves = 16,
    minLeafRows = 8,
    columnShare = 0.3,
    rowShare = 0.5,
  } = options;
  const halfLife = options.halfLife ?? Number.POSITIVE_INFINITY;
  const random = new Random(options.seed);
  const binned = binData(data, options.seed);
  const grower = new TreeGrower(binned, {
    maxLeaves,
    minLeafRows: Math.min(minLeafRows, Math.max(2, data.rows >> 4)),
  });
  const base = median(data.y);
  const residual = data.y.map((value) => value - base);
  const gradient = new Int8Array(data.rows);
  const leafResiduals = new Float64Array(data.rows);
  const trees: Tree[] = [];
  const leafValue = (rows: Int32Array) => {
    const values = leafResiduals.subarray(0, rows.length);
    for (let i = 0; i < rows.length; i++) values[i] = residual[rows[i]];
    values.sort();
    return significant(learningRate * 0.5 * (values[(rows.length - 1) >> 1] + values[rows.length >> 1]), 7);
  };
  for (let round = 1; round <= rounds; round++) {
    let loss = 0;
    for (let row = 0; row < data.rows; row++) {
      gradient[row] = Math.sign(residual[row]);
      loss += Math.abs(residual[row]);
    }
    progress.report('gradient_boosting', round, rounds, loss / data.rows);
    if (loss === 0) break;
    const rows = drawRows(data.rows, data.rows * rowShare, halfLife, random);
    const tree = grower.grow(rows, gradient, drawColumns(data.width, columnShare, random), leafValue);
    for (let row = 0; row < data.rows; row++) residual[row] -= evaluateTree(tree, data.x, row * data.width);
    trees.push(tree);
  }
  return { kind: 'trees', base: significant(base, 12), trees };
}

/** The change that the model expects. */
export function predictBoosting(model: BoostingModel, row: Float64Array): number {
  let sum = model.base;
  for (const tree of model.trees) sum += evaluateTree(tree, row);
  return sum;
}
