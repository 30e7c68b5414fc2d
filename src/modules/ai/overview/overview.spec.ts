import { measuredCapacity, scalingFor } from './capacity.js';
import { mostUsed } from './fleet-figures.js';

const minutes = (count: number, requests: number, errors = 0) =>
  Array.from({ length: count }, () => ({ requests, errors }));

describe('advice on scaling', () => {
  it('takes the best minute with at most 1 % errors as the capacity, and needs ten of them', () => {
    expect(measuredCapacity(minutes(9, 500))).toBeNull();
    expect(measuredCapacity([...minutes(10, 500, 5), ...minutes(5, 900, 10)])).toBe(500);
  });

  it('compares the upper bound of the forecast with the capacity', () => {
    expect(scalingFor(10_000, null)).toBe('maintain');
    expect(scalingFor(501, 500)).toBe('scale_up');
    expect(scalingFor(400, 500)).toBe('maintain');
    expect(scalingFor(149, 500)).toBe('scale_down');
  });
});

describe('current algorithm', () => {
  it('is the one that most pools use, and none without pools', () => {
    const pool = (algorithm: string) => ({ algorithm }) as never;
    expect(mostUsed([])).toBe('none');
    expect(mostUsed(['random', 'ip_hash', 'ip_hash'].map(pool))).toBe('ip_hash');
  });
});
