import { Random } from '../numeric/random.js';
import { clamp, medianAbsoluteDeviation, significant } from '../numeric/statistics.js';
import type { Progress } from '../progress.js';
import type { Dataset } from './dataset.js';

/** A small feed-forward network: standardised inputs, two hidden layers of rectified units, one linear output. */
export interface MlpModel {
  kind: 'mlp';
  centre: number[];
  scale: number[];
  /** Units per layer, inputs first. */
  sizes: number[];
  /** Layer by layer: weights row-major (output × input), then biases. */
  weights: number[];
  outputScale: number;
}

export interface MlpOptions {
  epochs: number;
  learningRate?: number;
  hidden?: [number, number];
  seed: number;
}

const BATCH = 32;
const CUT = 5;

/** Network of dense layers with rectified hidden units; holds activations and gradients of one row. */
class Network {
  readonly weights: Float64Array;
  readonly gradient: Float64Array;
  readonly activations: Float64Array[];
  private readonly deltas: Float64Array[];
  private readonly offsets: number[] = [];

  constructor(readonly sizes: number[]) {
    let count = 0;
    for (let layer = 1; layer < sizes.length; layer++) {
      this.offsets.push(count);
      count += sizes[layer] * (sizes[layer - 1] + 1);
    }
    this.weights = new Float64Array(count);
    this.gradient = new Float64Array(count);
    this.activations = sizes.map((size) => new Float64Array(size));
    this.deltas = sizes.map((size) => new Float64Array(size));
  }

  /** He initialisation. */
  initialise(random: Random): void {
    for (let layer = 1; layer < this.sizes.length; layer++) {
      const inputs = this.sizes[layer - 1];
      const spread = Math.sqrt(2 / inputs) * (layer === this.sizes.length - 1 ? 0.3 : 1);
      const offset = this.offsets[layer - 1];
      for (let i = 0; i < inputs * this.sizes[layer]; i++)
        this.weights[offset + i] = spread * random.normal();
    }
  }

  forward(): number {
    const lastLayer = this.sizes.length - 1;
    for (let layer = 1; layer <= lastLayer; layer++) {
      const input = this.activations[layer - 1];
      const output = this.activations[layer];
      const offset = this.offsets[layer - 1];
      const biases = offset + input.length * output.length;
      for (let unit = 0; unit < output.length; unit++) {
        let sum = this.weights[biases + unit];
        const base = offset + unit * input.length;
        for (let i = 0; i < input.length; i++) sum += this.weights[base + i] * input[i];
        output[unit] = layer < lastLayer && sum < 0 ? 0 : sum;
      }
    }
    return this.activations[lastLayer][0];
  }

  backward(slope: number): void {
    const lastLayer = this.sizes.length - 1;
    this.deltas[lastLayer][0] = slope;
    for (let layer = lastLayer; layer >= 1; layer--) this.backLayer(layer);
  }

  private backLayer(layer: number): void {
    const input = this.activations[layer - 1];
    const delta = this.deltas[layer];
    const below = this.deltas[layer - 1];
    const offset = this.offsets[layer - 1];
    const biases = offset + input.length * delta.length;
    below.fill(0);
    for (let unit = 0; unit < delta.length; unit++) {
      const slope = delta[unit];
      if (slope === 0) continue;
      const base = offset + unit * input.length;
      for (let i = 0; i < input.length; i++) {
        this.gradient[base + i] += slope * input[i];
        below[i] += slope * this.weights[base + i];
      }
      this.gradient[biases + unit] += slope;
    }
    if (layer > 1) for (let i = 0; i < input.length; i++) if (input[i] === 0) below[i] = 0;
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). */
class AdamW {
  private readonly first: Float64Array;
  private readonly second: Float64Array;
  private steps = 0;

  constructor(private readonly network: Network) {
    this.first = new Float64Array(network.weights.length);
    this.second = new Float64Array(network.weights.length);
  }

  step(rate: number, rows: number): void {
    const { weights, gradient } = this.network;
    this.steps = Math.min(this.steps + 1, 100_000);
    const firstFix = 1 - 0.9 ** this.steps;
    const secondFix = 1 - 0.999 ** this.steps;
    for (let i = 0; i < weights.length; i++) {
      const slope = gradient[i] / rows;
      this.first[i] += 0.1 * (slope - this.first[i]);
      this.second[i] += 0.001 * (slope * slope - this.second[i]);
      weights[i] -=
        rate *
        (this.first[i] / firstFix / (Math.sqrt(this.second[i] / secondFix) + 1e-8) + 1e-3 * weights[i]);
      gradient[i] = 0;
    }
  }
}

function centreAndScale(data: Dataset): { centre: Float64Array; scale: Float64Array } {
  const centre = new Float64Array(data.width);
  const scale = new Float64Array(data.width);
  const column = new Float64Array(data.rows);
  for (let j = 0; j < data.width; j++) {
    for (let row = 0; row < data.rows; row++) column[row] = data.x[row * data.width + j];
    const sum = column.reduce((total, value) => total + value, 0) / data.rows;
    const spread = Math.sqrt(column.reduce((total, value) => total + (value - sum) ** 2, 0) / data.rows);
    centre[j] = significant(sum, 10);
    scale[j] = spread > 1e-12 * (Math.abs(sum) + 1e-300) ? significant(spread, 10) : 0;
  }
  return { centre, scale };
}

function load(
  input: Float64Array,
  row: Float64Array,
  offset: number,
  centre: ArrayLike<number>,
  scale: ArrayLike<number>,
): void {
  for (let j = 0; j < input.length; j++)
    input[j] = scale[j] > 0 ? clamp((row[offset + j] - centre[j]) / scale[j], -CUT, CUT) : 0;
}

/**
 * Trains the network on the Huber loss with Adam and a cosine-falling rate. The weights of the epoch with the lowest
 * error on the last tenth of the rows are kept, so that many epochs cannot make it worse.
 */
export function fitMlp(data: Dataset, options: MlpOptions, progress: Progress): MlpModel {
  const { epochs, learningRate = 0.003, hidden = [32, 16], seed } = options;
  const random = new Random(seed);
  const { centre, scale } = centreAndScale(data);
  const outputScale =
    1.4826 * medianAbsoluteDeviation(data.y) || data.y.reduce((m, v) => Math.max(m, Math.abs(v)), 0) || 1;
  const network = new Network([data.width, ...hidden, 1]);
  network.initialise(random);
  const optimiser = new AdamW(network);
  const fitted = data.rows - Math.floor(data.rows / 10);
  const order = Int32Array.from({ length: fitted }, (_, i) => i);
  let best = { loss: Number.POSITIVE_INFINITY, weights: network.weights.slice() };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    random.shuffle(order);
    const rate = learningRate * (0.05 + 0.95 * 0.5 * (1 + Math.cos((Math.PI * (epoch - 1)) / epochs)));
    for (let from = 0; from < fitted; from += BATCH) {
      const to = Math.min(from + BATCH, fitted);
      for (let i = from; i < to; i++) {
        load(network.activations[0], data.x, order[i] * data.width, centre, scale);
        network.backward(clamp(network.forward() - data.y[order[i]] / outputScale, -1, 1));
      }
      optimiser.step(rate, to - from);
      if ((from & 1023) === 0) progress.checkStop();
    }
    const loss = validationLoss(network, data, fitted, centre, scale, outputScale);
    if (loss < best.loss) best = { loss, weights: network.weights.slice() };
    progress.report('neural_network', epoch, epochs, loss * outputScale);
  }
  return {
    kind: 'mlp',
    centre: Array.from(centre),
    scale: Array.from(scale),
    sizes: network.sizes,
    weights: Array.from(best.weights, (value) => significant(value, 7)),
    outputScale,
  };
}

function validationLoss(
  network: Network,
  data: Dataset,
  from: number,
  centre: Float64Array,
  scale: Float64Array,
  outputScale: number,
): number {
  let loss = 0;
  const start = from < data.rows ? from : 0;
  for (let row = start; row < data.rows; row++) {
    load(network.activations[0], data.x, row * data.width, centre, scale);
    loss += Math.abs(network.forward() - data.y[row] / outputScale);
  }
  return loss / (data.rows - start);
}

/** Makes a function that gives the change the model expects; it keeps its buffers between calls. */
export function mlpPredictor(model: MlpModel): (row: Float64Array) => number {
  const network = new Network(model.sizes);
  network.weights.set(model.weights);
  return (row) => {
    load(network.activations[0], row, 0, model.centre, model.scale);
    return network.forward() * model.outputScale;
  };
}
