import { InvalidInputError, NotEnoughDataError, TrainingStoppedError } from '../errors.js';
import { Random } from '../numeric/random.js';
import { FEATURES } from './features.js';
import { Forecaster, forecast } from './forecast.js';
import type { RegularSeries } from './series.js';
import { type TrainOptions, trainForecaster } from './train.js';

const STEP = 300_000;
const START = Date.parse('2026-03-02T00:00:00Z');

function wave(length: number, from = 0): RegularSeries {
  const random = new Random(11 + from);
  const values = Array.from(
    { length },
    (_, i) => 500 + 300 * Math.sin((2 * Math.PI * (from + i)) / 288) + 20 * random.normal(),
  );
  return { startMs: START + from * STEP, stepMs: STEP, values };
}

function walk(length: number): RegularSeries {
  const random = new Random(5);
  let level = 1000;
  return { startMs: START, stepMs: STEP, values: Array.from({ length }, () => (level += random.normal())) };
}

const quick: TrainOptions = { epochs: 2, horizon: 12 };
const days = wave(5 * 288);

describe('trainForecaster', () => {
  it.each(['linear_regression', 'gradient_boosting', 'auto'] as const)(
    '%s forecasts a noisy daily wave better than naive',
    (modelType) => {
      const model = trainForecaster(days, { ...quick, epochs: 5, modelType });
      const { metrics } = model.card;
      expect(metrics.mase).toBeLessThan(0.85 * (metrics.naive_mase as number));
      expect(metrics.skill).toBeGreaterThan(0.15);
      expect(metrics.coverage).toBeGreaterThan(0.8);
      const points = forecast(model, [], 12);
      const errors = points.map(({ value }, k) =>
        Math.abs(value - 500 - 300 * Math.sin((2 * Math.PI * k) / 288)),
      );
      expect(errors.reduce((sum, error) => sum + error, 0) / 12).toBeLessThan(40);
      expect(points.every(({ lower, value, upper }) => lower <= value && value <= upper)).toBe(true);
      expect(points[0].timestamp).toBe(new Date(START + 5 * 288 * STEP).toISOString());
    },
  );

  it('serves the naive forecast where nothing beats it, and says so', () => {
    const model = trainForecaster(walk(600), { ...quick, modelType: 'neural_network' });
    expect(model.card.servedBy).toBe('naive');
    expect(model.card.metrics.skill).toBe(0);
    const last = model.tail.values.at(-1);
    expect(forecast(model, [], 3).map(({ value }) => value)).toEqual([last, last, last]);
  });

  it('is the same for the same seed, also after a trip through JSON', () => {
    const options: TrainOptions = { epochs: 2, horizon: 3, seed: 4 };
    const one = trainForecaster(wave(400), options);
    expect(JSON.stringify(trainForecaster(wave(400), options))).toBe(JSON.stringify(one));
    const recent = wave(30, 400);
    expect(forecast(JSON.parse(JSON.stringify(one)), recent, 3)).toEqual(forecast(one, recent, 3));
  });

  it('says how many samples are needed', () => {
    expect(() => trainForecaster(wave(30), quick)).toThrow(new NotEnoughDataError(60, 30));
    expect(() => trainForecaster(wave(100), { ...quick, horizon: 288 })).toThrow(
      new NotEnoughDataError(1728, 100),
    );
  });

  it('refuses options that make no sense', () => {
    for (const options of [
      { epochs: 0 },
      { horizon: 289 },
      { learningRate: 0 },
      { modelType: 'astrology' as never },
    ])
      expect(() => trainForecaster(days, options)).toThrow(InvalidInputError);
  });

  it('stops when told, while it is in the middle of the network', () => {
    let reports = 0;
    let asked = 0;
    const options: TrainOptions = {
      modelType: 'neural_network',
      epochs: 100_000,
      onProgress: () => reports++,
      shouldStop: () => reports >= 5 && ++asked > 0,
    };
    expect(() => trainForecaster(days, options)).toThrow(TrainingStoppedError);
    expect(asked).toBe(1);
  });

  it('reports progress that only grows, to the end', () => {
    const fractions: number[] = [];
    trainForecaster(wave(300), { ...quick, onProgress: (fraction) => fractions.push(fraction) });
    expect([...fractions].sort((a, b) => a - b)).toEqual(fractions);
    expect(fractions.at(-1)).toBeCloseTo(1);
  });

  it('copes with a constant series and with one that is mostly missing', () => {
    const flat = trainForecaster({ startMs: START, stepMs: STEP, values: new Array(300).fill(7) }, quick);
    expect(forecast(flat, [], 2).map(({ value }) => value)).toEqual([7, 7]);
    const sparse = wave(900);
    const values = Array.from(sparse.values, (value, i) => (i % 3 === 0 ? value : null));
    const model = trainForecaster({ ...sparse, values }, quick);
    expect(model.card.trainedOn).toBe(300);
    expect(forecast(model, [], 12).every(({ value }) => Number.isFinite(value))).toBe(true);
  });
});

describe('Forecaster', () => {
  const model = trainForecaster(days, { ...quick, modelType: 'linear_regression' });

  it('goes on from values after the training series and ignores those within it', () => {
    const later = wave(100, 5 * 288);
    const overlapping = wave(200, 5 * 288 - 100);
    const mixed = {
      ...overlapping,
      values: [...Array.from(overlapping.values).slice(0, 100), ...Array.from(later.values)],
    };
    const [first] = forecast(model, later, 1);
    expect(first.timestamp).toBe(new Date(START + (5 * 288 + 100) * STEP).toISOString());
    expect(forecast(model, mixed, 1)).toEqual([first]);
    const fed = new Forecaster(model);
    for (const value of Array.from(later.values)) fed.observe(value as number);
    expect(fed.forecast(1)).toEqual([first]);
  });

  it('widens the interval after errors that were larger than before', () => {
    const calm = forecast(model, wave(80, 5 * 288), 1)[0];
    const random = new Random(1);
    const wild = Array.from({ length: 80 }, (_, i) => ({
      timestamp: START + (5 * 288 + i) * STEP,
      value: 2000 * random.next(),
    }));
    const shaken = forecast(model, wild, 1)[0];
    expect(shaken.upper - shaken.value).toBeGreaterThan(3 * (calm.upper - calm.value));
  });

  it('refuses a horizon it was not trained for', () => {
    expect(() => forecast(model, [], 13)).toThrow(InvalidInputError);
    expect(() => forecast(model, [], 0)).toThrow(InvalidInputError);
  });

  it('never forecasts below zero what never was', () => {
    const zeros = new Array<number>(FEATURES).fill(0);
    const falling = {
      kind: 'ridge' as const,
      centre: zeros,
      scale: zeros,
      slope: zeros,
      intercept: -1e6,
      cut: 8,
    };
    const bands = model.bands.map((band) => ({
      ...band,
      servedBy: 'falling',
      experts: [{ name: 'falling', base: null, model: falling }],
    }));
    expect(model.nonNegative).toBe(true);
    expect(forecast({ ...model, bands }, [], 1)[0]).toMatchObject({ value: 0, lower: 0 });
    expect(forecast({ ...model, bands, nonNegative: false }, [], 1)[0].value).toBeLessThan(-9e5);
  });
});
