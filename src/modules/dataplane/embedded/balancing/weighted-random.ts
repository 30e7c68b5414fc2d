import type { Balancer, Candidate, Random } from './balancer.js';

/** A random backend, with a probability proportional to its weight. */
export class WeightedRandom implements Balancer {
  constructor(private readonly random: Random) {}

  pick<C extends Candidate>(candidates: readonly C[]): C {
    let total = 0;
    for (const candidate of candidates) total += candidate.weight;
    let left = this.random() * total;
    for (const candidate of candidates) {
      left -= candidate.weight;
      if (left < 0) return candidate;
    }
    return candidates[candidates.length - 1];
  }
}
