import { Ewma, PeakEwma } from './ewma.js';

const STATS_TAU_MS = 10_000;
const PEAK_TAU_MS = 10_000;
const ADAPTIVE_TAU_MS = 1_000;

/** What the balancing algorithms know of one backend. It outlives a change of the pool's algorithm or weights. */
export class BackendLoad {
  /** Requests in flight, forwarded WebSocket connections included. */
  inFlight = 0;
  /** Running counter of smooth weighted round robin. */
  currentWeight = 0;
  /** Time to the response head, ms, τ = 10 s: the figure shown to people. */
  readonly responseTime = new Ewma(STATS_TAU_MS);
  /** Time to the response head, ms, as `least_response_time` sees it. */
  readonly peak = new PeakEwma(PEAK_TAU_MS);
  /** Time to the response head, ms, as `adaptive_ai` sees it; answers of successful requests only. */
  readonly latency = new Ewma(ADAPTIVE_TAU_MS);
  /** Share of failed requests, 0–1, as `adaptive_ai` sees it. */
  readonly errors = new Ewma(ADAPTIVE_TAU_MS);
  /** Failed requests since the last good one. */
  failuresInRow = 0;
  /** When `adaptive_ai` last sent something here. */
  lastPickAt = Number.NEGATIVE_INFINITY;
  /** Since when it may be chosen, ms: the start of slow start. */
  usableSince: number;

  constructor(now: number) {
    this.usableSince = now;
  }
}
