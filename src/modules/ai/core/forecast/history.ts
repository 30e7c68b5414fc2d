import { clamp } from '../numeric/statistics.js';

/** Decay rates of the exponentially weighted means that a history keeps up to date. */
export const EWMA_RATES = [0.6, 0.3, 0.1, 0.03] as const;

/**
 * A series as far as it is known, with the running figures that features need. Appending is O(1) apart from the
 * growth of the arrays; nothing in it looks ahead of its own index.
 */
export class History {
  length = 0;
  /** NaN where nothing was observed. */
  observed: Float64Array;
  /** Last observation carried forward. */
  filled: Float64Array;
  /** Buckets since the last observation. */
  age: Float64Array;
  /** Buckets since the value last changed. */
  unchanged: Float64Array;
  /** Prefix sums of `filled` less its first value, one longer than the series. */
  private sums: Float64Array;
  readonly ewma: Float64Array[];
  /** EWMA (rate 0.02) of the absolute change from bucket to bucket. */
  movement: Float64Array;

  constructor(
    readonly startMs: number,
    readonly stepMs: number,
    values: ArrayLike<number> = [],
    capacity = Math.max(1024, values.length + 512),
  ) {
    this.observed = new Float64Array(capacity);
    this.filled = new Float64Array(capacity);
    this.age = new Float64Array(capacity);
    this.unchanged = new Float64Array(capacity);
    this.movement = new Float64Array(capacity);
    this.sums = new Float64Array(capacity + 1);
    this.ewma = EWMA_RATES.map(() => new Float64Array(capacity));
    for (let i = 0; i < values.length; i++) this.append(values[i]);
  }

  /** Buckets in a day, at least one. */
  get day(): number {
    return Math.max(1, Math.round(86_400_000 / this.stepMs));
  }

  /** Adds the next bucket; NaN when nothing was observed in it. */
  append(value: number): void {
    if (this.length === this.filled.length) this.grow();
    const t = this.length++;
    const missing = Number.isNaN(value);
    const previous = t > 0 ? this.filled[t - 1] : 0;
    const current = missing ? previous : value;
    this.observed[t] = value;
    this.filled[t] = current;
    this.age[t] = missing ? (t > 0 ? this.age[t - 1] + 1 : 1) : 0;
    this.unchanged[t] = t > 0 && current === previous ? this.unchanged[t - 1] + 1 : 0;
    this.sums[t + 1] = this.sums[t] + current - this.filled[0];
    const change = t > 0 ? Math.abs(current - previous) : 0;
    this.movement[t] = t > 0 ? this.movement[t - 1] + 0.02 * (change - this.movement[t - 1]) : change;
    EWMA_RATES.forEach((rate, i) => {
      const mean = t > 0 ? this.ewma[i][t - 1] : current;
      this.ewma[i][t] = missing ? mean : mean + rate * (current - mean);
    });
  }

  /** Mean of `filled` from `from` to before `to`; both are kept within what is known. */
  meanBetween(from: number, to: number): number {
    const end = clamp(to, 1, this.length);
    const start = clamp(from, 0, end - 1);
    return this.filled[0] + (this.sums[end] - this.sums[start]) / (end - start);
  }

  /** The carried-forward value at `index`, or the first one known when that lies before the start. */
  at(index: number): number {
    return this.filled[Math.max(0, index)];
  }

  /** Start of bucket `index` in epoch milliseconds. */
  timeOf(index: number): number {
    return this.startMs + index * this.stepMs;
  }

  private grow(): void {
    const larger = (old: Float64Array, extra = 0) => {
      const grown = new Float64Array((old.length - extra) * 2 + extra);
      grown.set(old);
      return grown;
    };
    this.observed = larger(this.observed);
    this.filled = larger(this.filled);
    this.age = larger(this.age);
    this.unchanged = larger(this.unchanged);
    this.movement = larger(this.movement);
    this.sums = larger(this.sums, 1);
    for (let i = 0; i < this.ewma.length; i++) this.ewma[i] = larger(this.ewma[i]);
  }
}
