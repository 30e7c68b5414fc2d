import { backoffMs, jitteredBackoffMs } from './backoff.js';

const policy = { initialMs: 100, maxMs: 1_000 };

describe('back-off', () => {
  it('doubles with each failure up to the longest delay', () => {
    expect([1, 2, 3, 4, 5, 1_000].map((failures) => backoffMs(failures, policy))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it('with jitter lies between half of the delay and all of it, and differs', () => {
    const delays = Array.from({ length: 100 }, () => jitteredBackoffMs(3, policy));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...delays)).toBeLessThanOrEqual(400);
    expect(new Set(delays).size).toBeGreaterThan(1);
  });
});
