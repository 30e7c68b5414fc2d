import type { TrafficDelta } from '../../common/traffic.js';
import { LATENCY_BUCKETS } from './latency.js';

/** The counters of one bucket of traffic; they only grow. */
export interface TrafficCounts {
  requests: number;
  /** By class: index 0 = 1xx … 4 = 5xx. */
  statusClasses: number[];
  /** One count a bucket of LATENCY_BOUNDS_MS plus the open one; not cumulative. */
  latencyBuckets: number[];
  latencySumMs: number;
  bytesIn: number;
  bytesOut: number;
}

/** Counts of nothing yet; times in ms. */
export const emptyCounts = (): TrafficCounts => ({
  requests: 0,
  statusClasses: [0, 0, 0, 0, 0],
  latencyBuckets: new Array<number>(LATENCY_BUCKETS).fill(0),
  latencySumMs: 0,
  bytesIn: 0,
  bytesOut: 0,
});

/** Adds `from` to `to`, which is changed: it is done for each sample of each backend. */
export function addCounts(to: TrafficCounts, from: TrafficCounts | TrafficDelta): void {
  to.requests += from.requests;
  to.latencySumMs += from.latencySumMs;
  to.bytesIn += from.bytesIn;
  to.bytesOut += from.bytesOut;
  for (let i = 0; i < to.statusClasses.length; i++) to.statusClasses[i]! += from.statusClasses[i] ?? 0;
  for (let i = 0; i < to.latencyBuckets.length; i++) to.latencyBuckets[i]! += from.latencyBuckets[i] ?? 0;
}
