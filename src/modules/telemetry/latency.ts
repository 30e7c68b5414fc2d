import { LATENCY_BOUNDS_MS } from '../../common/traffic.js';

/** Buckets of the latency histogram, the open one included. */
export const LATENCY_BUCKETS = LATENCY_BOUNDS_MS.length + 1;

/**
 * Estimates a quantile from histogram counts as Prometheus' histogram_quantile does: linear inside its bucket, and the
 * last bound when it falls into the open one.
 * @param counts one count a bucket of LATENCY_BOUNDS_MS plus the open one, not cumulative
 * @param q 0–1
 * @returns milliseconds; null without requests
 */
export function latencyQuantile(counts: readonly number[], q: number): number | null {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (const [i, bound] of LATENCY_BOUNDS_MS.entries()) {
    const count = counts[i] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = i === 0 ? 0 : LATENCY_BOUNDS_MS[i - 1]!;
      return lower + (bound - lower) * ((rank - below) / count);
    }
    below += count;
  }
  return LATENCY_BOUNDS_MS.at(-1)!;
}
