import type { Counter } from './dask-metrics.js';

/**
 * Sum of counters, each of which may start anew or disappear: what was counted is never lost, as Prometheus'
 * `increase` has it.
 */
export class CounterTotal {
  private readonly last = new Map<string, number>();
  private sum = 0;

  /** Takes the counters' present values; gives the sum of all that they ever counted. */
  update(counters: readonly Counter[]): number {
    for (const { key, value } of counters) {
      const before = this.last.get(key) ?? 0;
      this.sum += value >= before ? value - before : value;
      this.last.set(key, value);
    }
    return this.sum;
  }
}
