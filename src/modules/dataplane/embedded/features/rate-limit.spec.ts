import { RateLimiter } from './rate-limit.js';

describe('a rate limiter', () => {
  it('allows the burst, then the rate, and says how long to wait', () => {
    const limiter = new RateLimiter(2, 3);
    expect([0, 0, 0, 0].map((now) => limiter.take('a', now))).toEqual([0, 0, 0, 1]);
    expect(limiter.take('a', 499)).toBe(1);
    expect(limiter.take('a', 500)).toBe(0);
    expect(limiter.take('a', 10_000)).toBe(0);
    expect([1, 2, 3].map(() => limiter.take('a', 10_000))).toEqual([0, 0, 1]);
  });

  it('counts each client for itself', () => {
    const limiter = new RateLimiter(1, 1);
    expect([limiter.take('a', 0), limiter.take('b', 0), limiter.take('a', 0)]).toEqual([0, 0, 1]);
  });

  it('remembers a bounded number of clients', () => {
    const limiter = new RateLimiter(1, 1);
    for (let i = 0; i < 10_001; i++) limiter.take(String(i), 0);
    expect(limiter.take('10000', 0)).toBe(1);
    expect(limiter.take('0', 0)).toBe(0);
  });
});
