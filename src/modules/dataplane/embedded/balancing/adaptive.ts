import type { Balancer, Candidate, PickRequest, Random } from './balancer.js';

/** An estimate without samples drifts to the pool's median with this time constant. */
const DRIFT_TAU_MS = 5_000;
/** An error share without samples is forgotten with this time constant, doubled with each failed try in a row … */
const ERROR_DRIFT_TAU_MS = 5_000;
/** … but not beyond this factor. */
const MAX_ERROR_BACKOFF = 4;
/** One failed request is as bad as this much waiting, or as this many median answers if those are slow. */
const FAILURE_COST_MS = 10_000;
const FAILURE_COST_MEDIANS = 20;
const SLOW_START_MS = 10_000;
/** The share that a backend at the beginning of its slow start gets. */
const SLOW_START_FLOOR = 0.1;
/** How often a request is used to look at a backend that nobody chose for a while. */
const PROBE_SHARE = 0.02;
const PROBE_IDLE_MS = 5_000;
/** A probe is not spent on a backend whose remembered error share is above this. */
const PROBE_MAX_ERRORS = 0.01;
const MEDIAN_LIFE_MS = 100;
/** Pools above this size are sampled: scanning costs time, and beyond it the gain is small. */
const SCAN_LIMIT = 64;
const SAMPLE_SIZE = 16;

/**
 * `adaptive_ai`: expected wait = (latency + error share × cost of a failure) × (in flight + 1), by weight; the lowest
 * of all wins. Latency is an EWMA with τ = 1 s of successful answers only, so a backend that fails fast looks bad, not
 * fast. New and recovered backends start slowly; estimates without samples drift to the pool's median, and 2 % of the
 * requests go to the longest idle backend, so that a recovery is noticed.
 */
export class Adaptive implements Balancer {
  private median = 1;
  private medianAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly random: Random) {}

  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest): C {
    const { now } = request;
    const n = candidates.length;
    if (n === 1) return candidates[0];
    if (now - this.medianAt > MEDIAN_LIFE_MS) this.updateMedian(candidates, now);
    if (this.random() < PROBE_SHARE) {
      const idle = longestIdle(candidates, now);
      if (idle) return idle;
    }
    return n > SCAN_LIMIT ? this.bestOfSample(candidates, now) : this.bestOfAll(candidates, now);
  }

  onStart(backend: Candidate, now: number): void {
    backend.load.lastPickAt = now;
  }

  onResponse(backend: Candidate, latencyMs: number, now: number): void {
    const { load } = backend;
    load.latency.add(latencyMs, now);
    if (load.errors.value !== null) load.errors.add(0, now);
    load.failuresInRow = 0;
  }

  onFailure(backend: Candidate, _latencyMs: number, now: number): void {
    const { load } = backend;
    if (load.errors.value === null) {
      load.errors.value = 0;
      load.errors.at = load.latency.value === null ? Number.NEGATIVE_INFINITY : load.latency.at;
    }
    load.errors.add(1, now);
    load.failuresInRow++;
    // Under load the last good answer is milliseconds old and one failure weighs little; two in a row are no accident.
    load.errors.value = Math.max(load.errors.value, 1 - 2 ** (1 - load.failuresInRow));
  }

  private bestOfAll<C extends Candidate>(candidates: readonly C[], now: number): C {
    const n = candidates.length;
    let index = Math.floor(this.random() * n);
    let best = candidates[index];
    let lowest = this.expectedWait(best, now);
    for (let k = 1; k < n; k++) {
      if (++index === n) index = 0;
      const wait = this.expectedWait(candidates[index], now);
      if (wait < lowest) {
        lowest = wait;
        best = candidates[index];
      }
    }
    return best;
  }

  private bestOfSample<C extends Candidate>(candidates: readonly C[], now: number): C {
    const sample: C[] = [];
    for (let k = 0; k < SAMPLE_SIZE; k++)
      sample.push(candidates[Math.floor(this.random() * candidates.length)]);
    return this.bestOfAll(sample, now);
  }

  private expectedWait({ load, weight }: Candidate, now: number): number {
    const failureCost = Math.max(FAILURE_COST_MS, FAILURE_COST_MEDIANS * this.median);
    const wait = this.latencyAt(load.latency, now) + errorShare(load, now) * failureCost;
    const age = (now - load.usableSince) / SLOW_START_MS;
    const share = age >= 1 ? 1 : Math.max(SLOW_START_FLOOR, age);
    return (wait * (load.inFlight + 1)) / (weight * share);
  }

  private latencyAt(latency: Candidate['load']['latency'], now: number): number {
    if (latency.value === null) return this.median;
    const age = now - latency.at;
    if (age < MEDIAN_LIFE_MS) return latency.value;
    return this.median + (latency.value - this.median) * Math.exp(-age / DRIFT_TAU_MS);
  }

  private updateMedian(candidates: readonly Candidate[], now: number): void {
    this.medianAt = now;
    const known: number[] = [];
    const step = Math.ceil(candidates.length / SCAN_LIMIT);
    for (let i = 0; i < candidates.length; i += step) {
      const { value } = candidates[i].load.latency;
      if (value !== null) known.push(value);
    }
    if (known.length === 0) return;
    known.sort((a, b) => a - b);
    this.median = known[known.length >> 1];
  }
}

function errorShare(load: Candidate['load'], now: number): number {
  const { value, at } = load.errors;
  if (value === null || value === 0) return 0;
  const backoff = Math.min(MAX_ERROR_BACKOFF, 2 ** Math.max(0, load.failuresInRow - 1));
  return value * Math.exp(-(now - at) / (ERROR_DRIFT_TAU_MS * backoff));
}

function longestIdle<C extends Candidate>(candidates: readonly C[], now: number): C | null {
  let found: C | null = null;
  let oldest = now - PROBE_IDLE_MS;
  for (const candidate of candidates) {
    const { load } = candidate;
    if (load.inFlight > 0 || load.lastPickAt >= oldest || errorShare(load, now) > PROBE_MAX_ERRORS) continue;
    oldest = load.lastPickAt;
    found = candidate;
  }
  return found;
}
