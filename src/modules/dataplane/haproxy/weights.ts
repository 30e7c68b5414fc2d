import type { PoolConfig } from '../snapshot.js';
import { MAX_WEIGHT } from './render-pools.js';

/** What was seen of one backend since the last step. */
export interface BackendSample {
  readonly answered: number;
  /** Sum of the response times of `answered`, ms. */
  readonly responseTimeSumMs: number;
  readonly failed: number;
  /** Requests in flight now. */
  readonly inFlight: number;
}

/** How fast a weight follows what was measured. 1 oscillates (STACK.md §15). */
const GAIN = 0.3;
/** How fast the estimate of a backend without traffic returns to the pool's median. */
const FORGETTING = 0.1;
/** Middle of HAProxy's range, so that weights can go either way. */
const MIDDLE = MAX_WEIGHT / 2;
/** A failed request costs as much as an answer this slow, or ten median ones. */
const FAILURE_COST_MS = 1_000;
/** Smaller steps are not worth a command. */
const LEAST_CHANGE = 0.03;

/**
 * Weights over least connections for `least_response_time` and `adaptive_ai`: proportional to the configured weight,
 * inversely to what a request costs on that backend. A failing backend is an expensive one, however fast it fails,
 * and so is one that holds requests and answers none.
 */
export class MeasuredWeights {
  private readonly costs = new Map<string, number>();
  private readonly weights = new Map<string, number>();

  /** Weight to use, undefined before anything was measured. */
  weight(backendId: string): number | undefined {
    const weight = this.weights.get(backendId);
    return weight === undefined ? undefined : Math.min(MAX_WEIGHT, Math.max(1, Math.round(weight)));
  }

  /** One step, `intervalMs` after the last one. True when weights of this pool changed. */
  step(pool: PoolConfig, sampleOf: (backendId: string) => BackendSample, intervalMs: number): boolean {
    const ids = pool.backends.filter(({ adminState }) => adminState === 'enabled').map(({ id }) => id);
    const median = this.updateCosts(ids, sampleOf, intervalMs);
    if (median === null) return false;
    const scores = new Map(
      pool.backends.map(({ id, weight }) => [id, weight / Math.max(0.5, this.costs.get(id) ?? median)]),
    );
    const mean = [...scores.values()].reduce((sum, score) => sum + score, 0) / scores.size;
    let changed = false;
    for (const [id, score] of scores) {
      const target = Math.min(MAX_WEIGHT, Math.max(1, (MIDDLE * score) / mean));
      changed = this.move(id, target) || changed;
    }
    return changed;
  }

  /** Forgets backends that are gone. */
  keep(exists: (backendId: string) => boolean): void {
    for (const id of [...this.costs.keys(), ...this.weights.keys()]) {
      if (exists(id)) continue;
      this.costs.delete(id);
      this.weights.delete(id);
    }
  }

  /** Returns the pool's median cost, null when nothing was ever measured. */
  private updateCosts(
    ids: readonly string[],
    sampleOf: (backendId: string) => BackendSample,
    intervalMs: number,
  ): number | null {
    const before = medianOf(ids.flatMap((id) => this.costs.get(id) ?? []));
    for (const id of ids) {
      const cost = costOf(sampleOf(id), before, intervalMs);
      const old = this.costs.get(id);
      if (cost !== null) this.costs.set(id, cost);
      else if (old !== undefined && before !== null) this.costs.set(id, old + FORGETTING * (before - old));
    }
    return medianOf(ids.flatMap((id) => this.costs.get(id) ?? []));
  }

  private move(id: string, target: number): boolean {
    const old = this.weights.get(id) ?? MIDDLE;
    const next = old + GAIN * (target - old);
    if (this.weights.has(id) && Math.abs(next - old) < LEAST_CHANGE * old) return false;
    this.weights.set(id, next);
    return true;
  }
}

function costOf(sample: BackendSample, median: number | null, intervalMs: number): number | null {
  const { answered, responseTimeSumMs, failed, inFlight } = sample;
  if (answered + failed === 0) return inFlight > 0 ? intervalMs : null;
  const failure = Math.max(FAILURE_COST_MS, 10 * (median ?? 0));
  return (responseTimeSumMs + failed * failure) / (answered + failed);
}

function medianOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
