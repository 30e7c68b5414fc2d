import type { Balancer, Candidate, PickRequest } from './balancer.js';
import { hashString, mix } from './hash.js';

/**
 * `ip_hash`: the client's address decides, by weighted rendezvous hashing (Thaler & Ravishankar 1998; weights after
 * Resch, "New Hashing Algorithms for Data Storage", SNIA SDC 2015): each backend draws the score −w / ln(u) with u
 * from the hash of (client, backend) and the highest wins. A backend that goes away moves its own clients and no
 * others; one that comes takes its share from all alike.
 */
export class ClientHash implements Balancer {
  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest): C {
    const client = hashString(request.clientAddress);
    let best = candidates[0];
    let highest = Number.NEGATIVE_INFINITY;
    for (const candidate of candidates) {
      const u = (mix(client ^ candidate.idHash) + 0.5) / 0x1_0000_0000;
      const score = -candidate.weight / Math.log(u);
      if (score > highest) {
        highest = score;
        best = candidate;
      }
    }
    return best;
  }
}
