import { measuredLoad, scalingFor } from './capacity.js';
import { mostUsed } from './fleet-figures.js';

const minutes = (count: number, requests: number, { errors = 0, latency = 20 } = {}) =>
  Array.from({ length: count }, () => ({ requests, errors, latency_avg_ms: latency }));

describe('what a tenant’s pools were seen to carry', () => {
  it('is the best minute with at most 1 % errors, of ten at least', () => {
    expect(measuredLoad(minutes(9, 500))).toBeNull();
    const some = [...minutes(10, 500, { errors: 5 }), ...minutes(2, 900, { errors: 10 })];
    expect(measuredLoad(some)).toEqual({ carried: 500, isFull: false });
  });

  it('is all that they can do when answers took longer in the busiest minutes than in quiet ones', () => {
    const quiet = minutes(10, 200);
    expect(measuredLoad([...quiet, ...minutes(5, 480)])).toMatchObject({ isFull: false });
    expect(measuredLoad([...quiet, ...minutes(5, 480, { latency: 27 })])).toEqual({
      carried: 480,
      isFull: true,
    });
    expect(measuredLoad([...quiet, ...minutes(4, 480, { latency: 27 })])).toMatchObject({ isFull: false });
  });

  it('or when more than that brought errors', () => {
    const failed = minutes(5, 700, { errors: 70 });
    expect(measuredLoad([...minutes(10, 500), ...failed])).toEqual({ carried: 500, isFull: true });
    expect(measuredLoad([...minutes(10, 500), ...minutes(5, 400, { errors: 70 })])).toMatchObject({
      isFull: false,
    });
  });
});

describe('advice on scaling', () => {
  it('compares the upper bound of the forecast with a measured capacity', () => {
    const full = { carried: 500, isFull: true };
    expect(scalingFor(501, full)).toBe('scale_up');
    expect(scalingFor(400, full)).toBe('maintain');
    expect(scalingFor(149, full)).toBe('scale_down');
  });

  it('never says to add backends that are idle: a record is no limit', () => {
    expect(scalingFor(10_000, null)).toBe('maintain');
    expect(scalingFor(10_000, { carried: 500, isFull: false })).toBe('maintain');
    expect(scalingFor(149, { carried: 500, isFull: false })).toBe('scale_down');
  });
});

describe('current algorithm', () => {
  it('is the one that most pools use, and none without pools', () => {
    const pool = (algorithm: string) => ({ algorithm }) as never;
    expect(mostUsed([])).toBe('none');
    expect(mostUsed(['random', 'ip_hash', 'ip_hash'].map(pool))).toBe('ip_hash');
  });
});
