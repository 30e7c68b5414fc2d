import { Random } from '../numeric/random.js';
import { Progress } from '../progress.js';
import { fitBoosting, predictBoosting } from './boosting.js';
import type { Dataset } from './dataset.js';
import { fitMlp, mlpPredictor } from './mlp.js';
import { fitRidge, predictRidge } from './ridge.js';

const progress = new Progress({});

function makeData(rows: number, truth: (row: Float64Array) => number, outliers = 0): Dataset {
  const random = new Random(7);
  const width = 6;
  const x = Float64Array.from({ length: rows * width }, () => random.normal());
  const y = Float64Array.from({ length: rows }, (_, row) => {
    const burst = random.next() < outliers ? 500 : 0;
    return truth(x.subarray(row * width, (row + 1) * width)) + 0.1 * random.normal() + burst;
  });
  return { rows, width, x, y };
}

function meanError(truth: (row: Float64Array) => number, predict: (row: Float64Array) => number): number {
  const random = new Random(99);
  let sum = 0;
  for (let i = 0; i < 500; i++) {
    const row = Float64Array.from({ length: 6 }, () => random.normal());
    sum += Math.abs(truth(row) - predict(row)) / 500;
  }
  return sum;
}

const line = (row: Float64Array) => 3 * row[0] - 2 * row[1] + 5;
const steps = (row: Float64Array) => (row[0] > 0 ? 10 : -10) + (row[1] > 0.5 ? 4 : 0);
const bent = (row: Float64Array) => Math.abs(row[0]) * 3 + row[1];

describe('ridge with Huber weights', () => {
  it('finds a line although one row in twenty is a burst', () => {
    const model = fitRidge(makeData(2000, line, 0.05), { penalty: 1e-4 }, progress);
    expect(meanError(line, (row) => predictRidge(model, row))).toBeLessThan(0.15);
  });

  it('stays finite when columns are constant or equal', () => {
    const data = makeData(200, line);
    for (let row = 0; row < data.rows; row++) {
      data.x[row * 6 + 4] = 1e9;
      data.x[row * 6 + 5] = data.x[row * 6];
    }
    const model = fitRidge(data, {}, progress);
    expect([...model.slope, model.intercept].every(Number.isFinite)).toBe(true);
  });
});

describe('gradient-boosted trees', () => {
  it('finds steps that no line can follow, in spite of bursts', () => {
    const data = makeData(2000, steps, 0.05);
    const trees = fitBoosting(data, { rounds: 150, seed: 1 }, progress);
    const linear = fitRidge(data, {}, progress);
    const error = meanError(steps, (row) => predictBoosting(trees, row));
    expect(error).toBeLessThan(0.6);
    expect(error).toBeLessThan(0.2 * meanError(steps, (row) => predictRidge(linear, row)));
  });

  it('answers the same after a trip through JSON', () => {
    const model = fitBoosting(makeData(500, steps), { rounds: 20, seed: 1 }, progress);
    const copy = JSON.parse(JSON.stringify(model));
    const row = Float64Array.of(0.3, 0.9, -1, 0, 2, 1);
    expect(predictBoosting(copy, row)).toBe(predictBoosting(model, row));
  });

  it('is the same for the same seed and another for another', () => {
    const data = makeData(500, steps);
    const fitted = (seed: number) => JSON.stringify(fitBoosting(data, { rounds: 5, seed }, progress));
    expect(fitted(3)).toBe(fitted(3));
    expect(fitted(3)).not.toBe(fitted(4));
  });
});

describe('neural network', () => {
  it('learns a bent surface better than a line does', () => {
    const data = makeData(1500, bent);
    const network = mlpPredictor(fitMlp(data, { epochs: 25, seed: 1 }, progress));
    const linear = fitRidge(data, {}, progress);
    expect(meanError(bent, network)).toBeLessThan(0.4 * meanError(bent, (row) => predictRidge(linear, row)));
  });

  it('keeps its best epoch: more epochs do not lose what was learnt', () => {
    const data = makeData(300, bent);
    const few = mlpPredictor(fitMlp(data, { epochs: 30, seed: 1 }, progress));
    const many = mlpPredictor(fitMlp(data, { epochs: 150, seed: 1 }, progress));
    expect(meanError(bent, many)).toBeLessThan(1.3 * meanError(bent, few));
  });
});
