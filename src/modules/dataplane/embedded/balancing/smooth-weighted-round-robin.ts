import type { Balancer, Candidate } from './balancer.js';

/**
 * Smooth weighted round robin as nginx does it (commit 52327e0627f4, `ngx_http_upstream_get_peer`): each turn adds
 * every backend's weight to its counter, takes the highest counter and lowers it by the sum of the weights. With 5:1:1
 * the order is a a b a c a a, not five in a row.
 */
export class SmoothWeightedRoundRobin implements Balancer {
  pick<C extends Candidate>(candidates: readonly C[]): C {
    let total = 0;
    let best = candidates[0];
    for (const candidate of candidates) {
      total += candidate.weight;
      candidate.load.currentWeight += candidate.weight;
      if (candidate.load.currentWeight > best.load.currentWeight) best = candidate;
    }
    best.load.currentWeight -= total;
    return best;
  }
}
