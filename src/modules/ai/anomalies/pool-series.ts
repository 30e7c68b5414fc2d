import { Injectable } from '@nestjs/common';
import { MINUTE_MS } from '../../../common/durations.js';
import type { Transaction } from '../../../platform/database/index.js';
import { PoolsReadModel } from '../../pools/index.js';
import { type TrafficPoint, TrafficReadModel } from '../../telemetry/index.js';
import type { StoredState } from './anomalies.repository.js';
import { FACTS, MIN_REQUESTS, POOL_METRICS } from './metrics.js';
import { LOOK_BACK_MS, type WatchedInput } from './watched-input.js';

const MAX_POOLS = 1000;
/** After a longer pause nobody knows whether a minute without a record had no traffic or was not recorded. */
const LONGEST_PAUSE_MS = 5 * MINUTE_MS;

type Minutes = ReadonlyMap<number, TrafficPoint>;
const keyOf = (poolId: string, metric: string) => `${poolId}/${metric}`;

function byKey(points: readonly TrafficPoint[]): Map<string | null, Map<number, TrafficPoint>> {
  const series = new Map<string | null, Map<number, TrafficPoint>>();
  for (const point of points) {
    const own = series.get(point.key) ?? new Map<number, TrafficPoint>();
    series.set(point.key, own.set(point.at.getTime(), point));
  }
  return series;
}

/** What a minute means for a metric; NaN where it says nothing. */
function measure(metric: (typeof POOL_METRICS)[number], point: TrafficPoint | undefined): number {
  const requests = point?.requests ?? 0;
  if (metric === 'requests') return requests;
  if (!point || requests < MIN_REQUESTS) return Number.NaN;
  return metric === 'latency' ? (point.latency_avg_ms ?? Number.NaN) : point.errors / requests;
}

/** Requests a minute, mean latency and share of errors of each of a tenant's pools. */
@Injectable()
export class PoolSeries {
  constructor(
    private readonly pools: PoolsReadModel,
    private readonly traffic: TrafficReadModel,
  ) {}

  /**
   * The minutes since those of `states` up to before `end`. A minute without traffic has 0 requests; a pool begins with
   * its first request.
   */
  async load(
    tx: Transaction,
    tenantId: string,
    states: ReadonlyMap<string, StoredState>,
    end: number,
  ): Promise<WatchedInput[]> {
    const pools = await this.pools.find(tx, tenantId, {}, { limit: MAX_POOLS, offset: 0 });
    const seen = [...states.values()].map(({ minute }) => minute.getTime() + MINUTE_MS);
    const from = Math.max(end - LOOK_BACK_MS, Math.min(...seen, states.size ? end : 0));
    const points = await this.traffic.series(tx, { tenantId }, new Date(from), new Date(end), 60, 'pool');
    const byPool = byKey(points);
    return pools.flatMap(({ id, name }) => {
      const known = states.get(keyOf(id, 'requests'))?.minute.getTime();
      return this.inputs({ id, name }, byPool.get(id) ?? new Map(), known, end);
    });
  }

  private inputs(
    pool: { id: string; name: string },
    minutes: Minutes,
    known: number | undefined,
    end: number,
  ): WatchedInput[] {
    const [first] = minutes.keys();
    const from = known === undefined ? first : Math.max(known + MINUTE_MS, end - LOOK_BACK_MS);
    if (from === undefined) return [];
    const isCertain = known === undefined || end - from <= LONGEST_PAUSE_MS;
    const length = Math.max(0, Math.round((end - from) / MINUTE_MS));
    const times = Array.from({ length }, (_, i) => from + i * MINUTE_MS).filter(
      (at) => isCertain || minutes.has(at),
    );
    return POOL_METRICS.map((metric) => ({
      key: keyOf(pool.id, metric),
      metric,
      pool,
      node: null,
      minute: new Date(Math.max(known ?? 0, end - MINUTE_MS)),
      samples: times
        .map((at) => ({ at, point: minutes.get(at) }))
        .map(({ at, point }) => ({ at, value: measure(metric, point), requests: point?.requests ?? 0 }))
        .filter(({ value }) => Number.isFinite(value))
        .map(({ at, value, requests }) => ({ at, value, noise: FACTS[metric].noise(value, requests) })),
    }));
  }
}
