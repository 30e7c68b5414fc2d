const RATIO = 1.02;
const LOWEST_MS = 0.01;
const BUCKETS = 1100;

/** Latencies in buckets 2 % wide, from 0.01 ms to half a minute and more: sums and quantiles are cheap. */
export class LatencyHistogram {
  readonly counts = new Float64Array(BUCKETS);
  total = 0;
  errors = 0;

  add(latencyMs: number, failed: boolean): void {
    const bucket = Math.floor(Math.log(Math.max(latencyMs, LOWEST_MS) / LOWEST_MS) / Math.log(RATIO));
    this.counts[Math.min(bucket, BUCKETS - 1)]++;
    this.total++;
    if (failed) this.errors++;
  }

  /** Adds another's counts so many times. */
  merge(other: LatencyHistogram, times = 1): void {
    for (let i = 0; i < BUCKETS; i++) this.counts[i] += times * other.counts[i];
    this.total += times * other.total;
    this.errors += times * other.errors;
  }

  /** Latency that this share of the requests stays below, ms, to 1 %; NaN when empty. */
  quantile(share: number): number {
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.counts[i];
      if (seen > 0 && seen >= share * this.total) return LOWEST_MS * RATIO ** (i + 0.5);
    }
    return Number.NaN;
  }

  get errorRate(): number {
    return this.errors / this.total;
  }
}
