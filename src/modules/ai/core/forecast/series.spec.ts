import { InvalidInputError, NotEnoughDataError } from '../errors.js';
import { observed, toGrid } from './series.js';

const MINUTE = 60_000;
const START = Date.parse('2026-03-01T00:00:00Z');

describe('toGrid', () => {
  it('takes the most frequent gap as the step and leaves missing buckets empty', () => {
    const minutes = [0, 5, 10, 20, 25, 30];
    const grid = toGrid(minutes.map((minute) => ({ timestamp: START + minute * MINUTE, value: minute })));
    expect(grid.stepMs).toBe(5 * MINUTE);
    expect(Array.from(grid.values)).toEqual([0, 5, 10, Number.NaN, 20, 25, 30]);
    expect(observed(grid.values)).toBe(6);
  });

  it('averages observations of one bucket and accepts them in any order', () => {
    const grid = toGrid([
      { timestamp: new Date(START + 10 * MINUTE), value: 3 },
      { timestamp: new Date(START).toISOString(), value: 1 },
      { timestamp: START + 5 * MINUTE, value: 4 },
      { timestamp: START + 5 * MINUTE + 1000, value: 6 },
    ]);
    expect(Array.from(grid.values)).toEqual([1, 5, 3]);
  });

  it('reads null and NaN of a regular series as missing', () => {
    const grid = toGrid({ startMs: START, stepMs: MINUTE, values: [1, null, Number.NaN, 2] });
    expect(Array.from(grid.values)).toEqual([1, Number.NaN, Number.NaN, 2]);
  });

  it('falls back to the median gap when no gap is frequent', () => {
    const times = [0, 61, 100, 163, 227, 280, 348, 405, 470, 527, 591, 650];
    const grid = toGrid(times.map((second) => ({ timestamp: START + second * 1000, value: 1 })));
    expect(grid.stepMs).toBeGreaterThan(55_000);
    expect(grid.stepMs).toBeLessThan(66_000);
  });

  it('refuses unreadable times, a single time and an absurd span', () => {
    expect(() => toGrid([{ timestamp: 'yesterday', value: 1 }])).toThrow(InvalidInputError);
    expect(() => toGrid([{ timestamp: START, value: 1 }])).toThrow(NotEnoughDataError);
    const far = [0, 1000, 2000, 1e13].map((offset) => ({ timestamp: START + offset, value: 1 }));
    expect(() => toGrid(far)).toThrow(InvalidInputError);
  });
});
