import { Random } from '../numeric/random.js';
import { quantileOfSorted, significant } from '../numeric/statistics.js';
import type { Dataset } from './dataset.js';

/** Features cut into at most 64 bins each. */
export interface Binned {
  rows: number;
  width: number;
  /** Column-major: bin of row r, feature f at `f * rows + r`. */
  bins: Uint8Array;
  /** Upper edges of the bins of each feature; a value ≤ edges[b] is in bin b or lower. */
  edges: Float64Array[];
}

export const BINS = 64;

function edgesOf(column: Float64Array): Float64Array {
  const sorted = column.sort();
  const edges: number[] = [];
  for (let b = 1; b < BINS; b++) {
    const edge = significant(quantileOfSorted(sorted, b / BINS));
    if (edge < sorted[sorted.length - 1] && (edges.length === 0 || edge > edges[edges.length - 1]))
      edges.push(edge);
  }
  return Float64Array.from(edges);
}

function binOf(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= edges[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Cuts every feature at its quantiles (of a seeded sample of 5,000 rows where there are more). */
export function binData(data: Dataset, seed: number): Binned {
  const { rows, width, x } = data;
  const random = new Random(seed);
  const sample = Int32Array.from({ length: Math.min(rows, 5000) }, (_, i) =>
    rows <= 5000 ? i : random.integer(rows),
  );
  const bins = new Uint8Array(rows * width);
  const edges: Float64Array[] = [];
  for (let f = 0; f < width; f++) {
    const column = edgesOf(Float64Array.from(sample, (row) => x[row * width + f]));
    edges.push(column);
    for (let row = 0; row < rows; row++) bins[f * rows + row] = binOf(column, x[row * width + f]);
  }
  return { rows, width, bins, edges };
}
