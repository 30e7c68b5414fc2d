import type { Algorithm } from '../../snapshot.js';
import { Adaptive } from './adaptive.js';
import type { Balancer, Random } from './balancer.js';
import { ClientHash } from './client-hash.js';
import { LeastConnections } from './least-connections.js';
import { LeastResponseTime } from './least-response-time.js';
import { RoundRobin } from './round-robin.js';
import { SmoothWeightedRoundRobin } from './smooth-weighted-round-robin.js';
import { WeightedRandom } from './weighted-random.js';

const FACTORIES: Record<Algorithm, (random: Random) => Balancer> = {
  round_robin: () => new RoundRobin(),
  weighted_round_robin: () => new SmoothWeightedRoundRobin(),
  least_connections: (random) => new LeastConnections(random),
  ip_hash: () => new ClientHash(),
  random: (random) => new WeightedRandom(random),
  least_response_time: (random) => new LeastResponseTime(random),
  adaptive_ai: (random) => new Adaptive(random),
};

/** A fresh instance for one pool. */
export function createBalancer(algorithm: Algorithm, random: Random): Balancer {
  return FACTORIES[algorithm](random);
}
