import { FEATURE_NAMES, FEATURES, FeatureBuilder, featureIndex } from './features.js';
import { History } from './history.js';

const STEP = 300_000;
const START = Date.parse('2026-03-02T00:00:00Z');

function wave(length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => 100 + 50 * Math.sin((2 * Math.PI * i) / 288) + (i % 7));
}

function rowAt(values: Float64Array, t: number, h: number): Float64Array {
  const row = new Float64Array(FEATURES);
  new FeatureBuilder(new History(START, STEP, values), { cycles: [12, 72] }).write(t, h, row);
  return row;
}

describe('FeatureBuilder', () => {
  it('never looks beyond the origin', () => {
    const values = wave(3000);
    for (const h of [1, 12, 288]) {
      for (const t of [300, 1500, 2400]) {
        const changed = values.slice();
        changed.fill(1e6, t + 1);
        expect(rowAt(changed, t, h)).toEqual(rowAt(values, t, h));
      }
    }
  });

  it('gives the same row while a series grows as after it is complete', () => {
    const values = wave(1200);
    const growing = new History(START, STEP, [], 4);
    const builder = new FeatureBuilder(growing, { cycles: [12, 72] });
    const row = new Float64Array(FEATURES);
    for (const value of values) growing.append(value);
    builder.write(1199, 12, row);
    expect(row).toEqual(rowAt(values, 1199, 12));
  });

  it('carries the last observation over missing buckets and says how old it is', () => {
    const values = wave(600);
    values.fill(Number.NaN, 590);
    const row = rowAt(values, 599, 1);
    expect(row[featureIndex('level')]).toBe(values[589]);
    expect(row[featureIndex('age')]).toBe(10);
  });

  it('names every column once and leaves none undefined', () => {
    expect(new Set(FEATURE_NAMES).size).toBe(FEATURES);
    expect(rowAt(wave(2000), 1999, 12).every(Number.isFinite)).toBe(true);
    expect(rowAt(wave(2000), 0, 288).every(Number.isFinite)).toBe(true);
  });

  it('knows the value of the same time yesterday for the target', () => {
    const values = wave(1200);
    const row = rowAt(values, 1000, 12);
    expect(row[featureIndex('yesterday')]).toBeCloseTo(values[1000 + 12 - 288] - values[1000]);
  });
});
