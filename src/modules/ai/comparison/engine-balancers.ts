import { ALGORITHMS } from '../../../common/load-balancing.js';
import { BackendLoad, type Candidate, createBalancer, hashString } from '../../dataplane/index.js';
import type { BalancerFactory } from '../core/index.js';

/** The data plane's own algorithm, driven by the simulator: what is compared is what would run. */
const drive =
  (algorithm: (typeof ALGORITHMS)[number]): BalancerFactory =>
  (backends, random) => {
    const balancer = createBalancer(algorithm, random);
    // the recorded backends have run for a while: no slow start
    const candidates: (Candidate & { at: number })[] = backends.map(({ id, weight }, at) => ({
      id,
      at,
      weight,
      idHash: hashString(id),
      load: new BackendLoad(Number.NEGATIVE_INFINITY),
    }));
    return {
      choose: (now, client) => balancer.pick(candidates, { now, clientAddress: client }).at,
      started: (backend, now) => {
        candidates[backend]!.load.inFlight++;
        balancer.onStart?.(candidates[backend]!, now);
      },
      finished: (backend, latencyMs, failed, now) => {
        candidates[backend]!.load.inFlight--;
        if (failed) balancer.onFailure?.(candidates[backend]!, latencyMs, now);
        else balancer.onResponse?.(candidates[backend]!, latencyMs, now);
      },
    };
  };

/** A factory for each algorithm of the data plane. */
export const ENGINE_BALANCERS: Readonly<Record<string, BalancerFactory>> = Object.fromEntries(
  ALGORITHMS.map((algorithm) => [algorithm, drive(algorithm)]),
);
