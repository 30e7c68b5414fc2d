import type { Balancer, Candidate, Random } from './balancer.js';
import { leastOf } from './two-choices.js';

/** A failed request counts as an answer that took at least this long, or a fast failure would attract traffic. */
const FAILURE_COUNTS_AS_MS = 1_000;

/**
 * Peak EWMA of the response time × requests in flight, relative to the weight. An unmeasured backend costs nothing
 * while idle and is tried first; with a request under way it waits for the result.
 */
export class LeastResponseTime implements Balancer {
  constructor(private readonly random: Random) {}

  pick<C extends Candidate>(candidates: readonly C[]): C {
    return leastOf(candidates, expectedWait, this.random);
  }

  onResponse(backend: Candidate, latencyMs: number, now: number): void {
    backend.load.peak.add(latencyMs, now);
  }

  onFailure(backend: Candidate, latencyMs: number, now: number): void {
    const peak = backend.load.peak;
    peak.add(Math.max(latencyMs, FAILURE_COUNTS_AS_MS, (peak.value ?? 0) * 2), now);
  }
}

function expectedWait(candidate: Candidate): number {
  const { peak, inFlight } = candidate.load;
  const wait = peak.value ?? (inFlight === 0 ? 0 : FAILURE_COUNTS_AS_MS);
  return (wait * (inFlight + 1)) / candidate.weight;
}
