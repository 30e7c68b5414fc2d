import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Transaction } from '../../../platform/database/index.js';
import { BackendsReadModel } from '../../backends/index.js';
import { type PoolRow, PoolsReadModel } from '../../pools/index.js';
import { LiveBackends, TrafficReadModel } from '../../telemetry/index.js';
import { type MeasuredLoad, measuredLoad } from './capacity.js';

const WEEK_MS = 7 * 86_400_000;
const MAX_POOLS = 1000;
const OPTIMAL = 5;
const CAPACITY_MS = 60_000;

/** The algorithm that most pools use; `none` without pools. */
export function mostUsed(pools: readonly Pick<PoolRow, 'algorithm'>[]): string {
  const counts = new Map<string, number>();
  for (const { algorithm } of pools) counts.set(algorithm, (counts.get(algorithm) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['none', 0] as [string, number])[0];
}

/** What a tenant's pools and backends do now, and how much they were seen to carry. */
@Injectable()
export class FleetFigures {
  private readonly loads = new LRUCache<string, { value: MeasuredLoad | null }>({
    max: 500,
    ttl: CAPACITY_MS,
  });

  constructor(
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly live: LiveBackends,
    private readonly traffic: TrafficReadModel,
  ) {}

  /** The algorithm that most pools use; `none` without pools. */
  async algorithm(tx: Transaction, tenantId: string): Promise<string> {
    return mostUsed(await this.pools.find(tx, tenantId, {}, { limit: MAX_POOLS, offset: 0 }));
  }

  /** Requests a minute, see {@link measuredLoad}, of the last 7 days; kept for a minute. */
  async load(tx: Transaction, tenantId: string): Promise<MeasuredLoad | null> {
    const known = this.loads.get(tenantId);
    if (known) return known.value;
    const to = new Date();
    const minutes = await this.traffic.series(tx, { tenantId }, new Date(to.getTime() - WEEK_MS), to, 60);
    const value = measuredLoad(minutes);
    this.loads.set(tenantId, { value });
    return value;
  }

  /** Addresses of up to five healthy backends, the fastest first, those without a measured time last. */
  async fastest(tx: Transaction, tenantId: string): Promise<string[]> {
    const backends = await this.backends.find(tx, tenantId, { admin_state: 'enabled' });
    const timeOf = (id: string) => this.live.get(id)?.responseTimeMs ?? Number.POSITIVE_INFINITY;
    const times = backends
      .filter(({ id }) => this.live.get(id)?.health === 'healthy' && !this.live.get(id)?.ejected)
      .map(({ id, address }) => ({ address, time: timeOf(id) }));
    times.sort((a, b) => (a.time === b.time ? 0 : a.time - b.time));
    return times.slice(0, OPTIMAL).map(({ address }) => address);
  }
}
