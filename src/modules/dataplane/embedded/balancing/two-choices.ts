import type { Candidate, Random } from './balancer.js';

/** Pools up to this size are scanned whole; larger ones are sampled. */
const SCAN_LIMIT = 16;

/**
 * The candidate with the lowest cost: of all when there are few, of two different random ones when there are many
 * (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). Ties go to a random one, so that
 * idle backends share the work.
 */
export function leastOf<C extends Candidate>(
  candidates: readonly C[],
  cost: (candidate: C) => number,
  random: Random,
): C {
  const n = candidates.length;
  if (n > SCAN_LIMIT) {
    const i = Math.floor(random() * n);
    const j = (i + 1 + Math.floor(random() * (n - 1))) % n;
    return cost(candidates[j]) < cost(candidates[i]) ? candidates[j] : candidates[i];
  }
  const start = Math.floor(random() * n);
  let best = candidates[start];
  let lowest = cost(best);
  for (let k = 1; k < n; k++) {
    const candidate = candidates[(start + k) % n];
    const value = cost(candidate);
    if (value < lowest) {
      lowest = value;
      best = candidate;
    }
  }
  return best;
}
