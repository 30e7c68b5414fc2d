import { backoffMs, jitteredBackoffMs } from './backoff.js';

const policy = { initialMs: 100, maxMs: 1_000 };

describe('back-off', () => {
  it('doubles with each failure up to the longest delay', () => {
    expect([1, 2, 3, 4, 5, 1_000].map((failures) => backoffMs(failures, policy))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it('grows by the factor of its policy', () => {
    const steep = { initialMs: 500, maxMs: 1_800_000, factor: 4 };
    expect([1, 2, 3, 7].map((failures) => backoffMs(failures, steep))).toEqual([
      500, 2_000, 8_000, 1_800_000,
    ]);
  });

  it('with jitter lies between half of the delay and all of it, and differs', () => {
    const delays = Array.from({ length: 100 }, () => jitteredBackoffMs(3, policy));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...delays)).toBeLessThanOrEqual(400);
    expect(new Set(delays).size).toBeGreaterThan(1);
  });
});
