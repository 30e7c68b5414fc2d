import type { Balancer, Candidate, Random } from './balancer.js';
import { leastOf } from './two-choices.js';

/** Fewest requests in flight relative to the weight, the new one counted. */
export class LeastConnections implements Balancer {
  constructor(private readonly random: Random) {}

  pick<C extends Candidate>(candidates: readonly C[]): C {
    return leastOf(candidates, loadPerWeight, this.random);
  }
}

const loadPerWeight = (candidate: Candidate): number => (candidate.load.inFlight + 1) / candidate.weight;
