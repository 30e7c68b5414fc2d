import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { BackendsReadModel } from '../../backends/index.js';
import { PoolsReadModel } from '../../pools/index.js';
import { type AccessLine, TrafficReadModel } from '../../telemetry/index.js';
import {
  type AlgorithmComparison,
  compareAlgorithms,
  MIN_SUPPORT,
  type RecordedRequest,
  type RecordedTraffic,
} from '../core/index.js';
import type { ComparisonResponse } from './comparison.dto.js';
import { ENGINE_BALANCERS } from './engine-balancers.js';
import { type Carried, recordedTraffic } from './recorded-traffic.js';

const WINDOW_MS = 86_400_000;
const MAX_LINES = 20_000;
const CACHE_MS = 60_000;
const DAY_SECONDS = 86_400;

interface Recorded {
  pool: { name: string; algorithm: string } | null;
  from: Date;
  to: Date;
  traffic: RecordedTraffic;
}

/** The pool with the most lines. */
function busiest(lines: readonly AccessLine[]): string | null {
  const counts = new Map<string, number>();
  for (const { poolId } of lines) if (poolId) counts.set(poolId, (counts.get(poolId) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0] as [string, number])[0] || null;
}

/** Says what the figures rest on. */
export function basisOf(result: AlgorithmComparison, algorithm: string | null): string {
  if (result.sample_size === 0) return 'no recorded traffic';
  if (result.recommended_algorithm === null)
    return `observational: ${result.sample_size} requests of the access log, too few: ${result.support} of the least seen backend, ${MIN_SUPPORT} are needed`;
  return `observational: simulation that replays ${result.sample_size} requests of the access log, whose backends were chosen by ${algorithm}, not by an experiment; what the backends would do under much more load than was seen is not known`;
}

/** What each balancing algorithm would make of a tenant's traffic. */
@Injectable()
export class ComparisonService {
  private readonly cache = new LRUCache<string, Promise<ComparisonResponse>>({ max: 500, ttl: CACHE_MS });

  constructor(
    private readonly database: Database,
    private readonly traffic: TrafficReadModel,
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
  ) {}

  /** Of the last 24 hours; an answer is kept for a minute. */
  compare(tenantId: string): Promise<ComparisonResponse> {
    const known = this.cache.get(tenantId);
    if (known) return known;
    const made = this.make(tenantId);
    this.cache.set(tenantId, made);
    made.catch(() => this.cache.delete(tenantId));
    return made;
  }

  private async make(tenantId: string): Promise<ComparisonResponse> {
    const { pool, from, to, traffic } = await this.database.tenant(tenantId, (tx) => this.load(tx, tenantId));
    const result = await compareAlgorithms(traffic, ENGINE_BALANCERS);
    return {
      basis: basisOf(result, pool?.algorithm ?? null),
      sample_size: result.sample_size,
      window: { from: from.toISOString(), to: to.toISOString(), pool: pool?.name ?? null },
      algorithms: result.algorithms.map(({ support: _, ...figures }) => figures),
      recommended_algorithm: result.recommended_algorithm,
      confidence: result.confidence,
    };
  }

  private async load(tx: Transaction, tenantId: string): Promise<Recorded> {
    const to = new Date();
    const begin = new Date(to.getTime() - WINDOW_MS);
    const lines = await this.traffic.accessLog(tx, tenantId, { limit: MAX_LINES, from: begin });
    const poolId = busiest(lines);
    const [pool] = poolId ? await this.pools.byIds(tx, tenantId, [poolId]) : [];
    if (!pool) {
      const requests: RecordedRequest[] = [];
      return { pool: null, from: begin, to, traffic: { requests, backends: [], recordedShare: 1 } };
    }
    const own = lines.filter((line) => line.poolId === pool.id);
    const oldest = own.at(-1)!.at.getTime();
    const from = new Date(oldest - (oldest % 60_000));
    const backends = (await this.backends.ofPools(tx, tenantId, [pool.id]))
      .filter(({ admin_state }) => admin_state === 'enabled')
      .map(({ id, weight }) => ({ id, weight }));
    const carried = await this.carried(tx, tenantId, pool.id, from, to);
    return { pool, from, to, traffic: recordedTraffic(own, backends, carried) };
  }

  private async carried(
    tx: Transaction,
    tenantId: string,
    poolId: string,
    from: Date,
    to: Date,
  ): Promise<Map<string, Carried>> {
    const points = await this.traffic.series(tx, { tenantId, poolId }, from, to, DAY_SECONDS, 'backend');
    const sums = new Map<string, Carried>();
    for (const { key, requests, errors } of points) {
      if (key === null) continue;
      const before = sums.get(key) ?? { requests: 0, errors: 0 };
      sums.set(key, { requests: before.requests + requests, errors: before.errors + errors });
    }
    return sums;
  }
}
