import { LATENCY_BUCKETS, latencyQuantile } from './latency.js';

const counts = (entries: Record<number, number>) =>
  Array.from({ length: LATENCY_BUCKETS }, (_, i) => entries[i] ?? 0);

describe('latencyQuantile', () => {
  it('is null without requests', () => {
    expect(latencyQuantile(counts({}), 0.5)).toBeNull();
  });

  it('interpolates inside the bucket that holds the rank', () => {
    expect(latencyQuantile(counts({ 2: 10 }), 0.5)).toBe(3.75); // between 2.5 and 5 ms
    expect(latencyQuantile(counts({ 0: 50, 3: 50 }), 0.99)).toBeCloseTo(9.9); // between 5 and 10 ms
    expect(latencyQuantile(counts({ 0: 50, 3: 50 }), 0.5)).toBe(1);
  });

  it('answers the last bound for what is beyond it', () => {
    expect(latencyQuantile(counts({ [LATENCY_BUCKETS - 1]: 3 }), 0.5)).toBe(30_000);
  });
});
