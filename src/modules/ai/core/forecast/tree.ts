import { BINS, type Binned } from './binning.js';

/** A regression tree as parallel arrays; `feature` is −1 at a leaf. Rows go left when `value ≤ threshold`. */
export interface Tree {
  feature: number[];
  threshold: number[];
  left: number[];
  right: number[];
  value: number[];
}

export interface TreeOptions {
  maxLeaves: number;
  minLeafRows: number;
}

interface Split {
  gain: number;
  feature: number;
  bin: number;
}

interface Node {
  id: number;
  from: number;
  to: number;
  histogram: Int32Array;
  split: Split;
}

/**
 * A histogram cell holds the number of rows in its upper bits and the sum of (gradient + 1) in its lower 16, so that one
 * addition a row counts both. With gradients of −1, 0 and 1 the lower part holds up to 32,767 rows.
 */
const ONE_ROW = 1 << 16;
const LOWER = ONE_ROW - 1;
/** More rows than this cannot be grown on. */
const MAX_TREE_ROWS = 32_767;

/**
 * Grows one tree best leaf first on the signs of the residuals by histograms (Ke et al. 2017, LightGBM): a split's gain is the fall of
 * the squared error of the gradients. The larger child's histogram is its parent's less its sibling's.
 */
export class TreeGrower {
  private readonly order: Int32Array;
  private readonly scratch: Int32Array;
  private readonly packed: Int32Array;

  constructor(
    private readonly data: Binned,
    private readonly options: TreeOptions,
  ) {
    this.order = new Int32Array(data.rows);
    this.scratch = new Int32Array(data.rows);
    this.packed = new Int32Array(data.rows);
    if (data.rows > MAX_TREE_ROWS) throw new RangeError(`at most ${MAX_TREE_ROWS} rows, not ${data.rows}`);
  }

  /**
   * @param rows rows to learn from (they may repeat)
   * @param gradient −1, 0 or 1 for every row of the data
   * @param features columns that may be split on
   * @param leafValue value of a leaf from its rows
   */
  grow(
    rows: Int32Array,
    gradient: Int8Array,
    features: Int32Array,
    leafValue: (rows: Int32Array) => number,
  ): Tree {
    const tree: Tree = { feature: [], threshold: [], left: [], right: [], value: [] };
    this.order.set(rows);
    const leaves = [
      this.newNode(tree, 0, rows.length, this.histogram(0, rows.length, gradient, features), features),
    ];
    while (leaves.length < this.options.maxLeaves) {
      const best = leaves.reduce((a, b) => (b.split.gain > a.split.gain ? b : a));
      if (!(best.split.gain > 1e-9)) break;
      leaves.splice(leaves.indexOf(best), 1, ...this.splitNode(tree, best, gradient, features));
    }
    for (const leaf of leaves) tree.value[leaf.id] = leafValue(this.order.subarray(leaf.from, leaf.to));
    return tree;
  }

  private newNode(tree: Tree, from: number, to: number, histogram: Int32Array, features: Int32Array): Node {
    const id = tree.feature.length;
    tree.feature.push(-1);
    tree.threshold.push(0);
    tree.left.push(0);
    tree.right.push(0);
    tree.value.push(0);
    return { id, from, to, histogram, split: this.bestSplit(histogram, to - from, features) };
  }

  private splitNode(tree: Tree, node: Node, gradient: Int8Array, features: Int32Array): [Node, Node] {
    const { feature, bin } = node.split;
    const middle = this.partition(node.from, node.to, feature, bin);
    const leftIsSmaller = middle - node.from <= node.to - middle;
    const small = leftIsSmaller
      ? this.histogram(node.from, middle, gradient, features)
      : this.histogram(middle, node.to, gradient, features);
    const large = this.subtract(node, small);
    const left = this.newNode(tree, node.from, middle, leftIsSmaller ? small : large, features);
    const right = this.newNode(tree, middle, node.to, leftIsSmaller ? large : small, features);
    tree.feature[node.id] = feature;
    tree.threshold[node.id] = this.data.edges[feature][bin];
    tree.left[node.id] = left.id;
    tree.right[node.id] = right.id;
    return [left, right];
  }

  private histogram(from: number, to: number, gradient: Int8Array, features: Int32Array): Int32Array {
    const { bins, rows } = this.data;
    const { order, packed } = this;
    for (let k = from; k < to; k++) packed[k] = ONE_ROW + gradient[order[k]] + 1;
    const histogram = new Int32Array(features.length * BINS);
    for (let i = 0; i < features.length; i++) {
      const column = features[i] * rows;
      const base = i * BINS;
      for (let k = from; k < to; k++) histogram[base + bins[column + order[k]]] += packed[k];
    }
    return histogram;
  }

  private subtract(parent: Node, child: Int32Array): Int32Array {
    const rest = parent.histogram;
    for (let i = 0; i < rest.length; i++) rest[i] -= child[i];
    return rest;
  }

  private bestSplit(histogram: Int32Array, rows: number, features: Int32Array): Split {
    const { minLeafRows } = this.options;
    let total = 0;
    for (let b = 0; b < BINS; b++) total += gradientSum(histogram[b]);
    const best: Split = { gain: 0, feature: -1, bin: -1 };
    if (rows < 2 * minLeafRows) return best;
    const whole = (total * total) / rows;
    for (let i = 0; i < features.length; i++) {
      const last = this.data.edges[features[i]].length;
      let sum = 0;
      let count = 0;
      for (let b = 0; b < last; b++) {
        const cell = histogram[i * BINS + b];
        sum += gradientSum(cell);
        count += cell >>> 16;
        if (count < minLeafRows) continue;
        if (rows - count < minLeafRows) break;
        const rest = total - sum;
        const gain = (sum * sum) / count + (rest * rest) / (rows - count) - whole;
        if (gain > best.gain) {
          best.gain = gain;
          best.feature = features[i];
          best.bin = b;
        }
      }
    }
    return best;
  }

  /** Moves rows that go left to the front of the range, keeping their order; returns where the right side starts. */
  private partition(from: number, to: number, feature: number, bin: number): number {
    const { order, scratch } = this;
    const { bins, rows } = this.data;
    const column = feature * rows;
    let left = from;
    let right = 0;
    for (let k = from; k < to; k++) {
      const row = order[k];
      if (bins[column + row] <= bin) order[left++] = row;
      else scratch[right++] = row;
    }
    order.set(scratch.subarray(0, right), left);
    return left;
  }
}

function gradientSum(cell: number): number {
  return (cell & LOWER) - (cell >>> 16);
}

/** Value of the leaf that a row falls into. */
export function evaluateTree(tree: Tree, row: Float64Array, offset = 0): number {
  let node = 0;
  while (tree.feature[node] >= 0)
    node = row[offset + tree.feature[node]] <= tree.threshold[node] ? tree.left[node] : tree.right[node];
  return tree.value[node];
}
