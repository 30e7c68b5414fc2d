import type { MatchCondition, RouteConfig } from '../../snapshot.js';
import type { RouteRules } from '../features/route-rules.js';
import type { Pool } from '../pools/pool.js';
import type { RouteCounters } from '../telemetry/route-counters.js';

export interface Target {
  readonly pool: Pool;
  readonly weight: number;
}

/** One route at run time, with its pools found. Made anew when it, or a pool of it, is another one. */
export class Route {
  readonly conditions: readonly MatchCondition[];
  private readonly totalWeight: number;

  constructor(
    readonly tenantId: string,
    readonly config: RouteConfig,
    readonly targets: readonly Target[],
    readonly counters: RouteCounters,
    readonly rules: RouteRules,
  ) {
    this.conditions = config.features.match ?? [];
    this.totalWeight = targets.reduce((sum, { weight }) => sum + weight, 0);
  }

  /** The pool for one request: by weight when the traffic is split. */
  choosePool(random: () => number): Pool {
    if (this.targets.length === 1) return this.targets[0].pool;
    let left = random() * this.totalWeight;
    for (const { pool, weight } of this.targets) {
      left -= weight;
      if (left < 0) return pool;
    }
    return this.targets[0].pool;
  }
}
