import type { Balancer, Candidate } from './balancer.js';

/** Each backend in turn, weights disregarded. */
export class RoundRobin implements Balancer {
  private next = 0;

  pick<C extends Candidate>(candidates: readonly C[]): C {
    if (this.next >= candidates.length) this.next = 0;
    return candidates[this.next++];
  }
}
