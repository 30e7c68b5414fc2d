import { Injectable } from '@nestjs/common';
import { formatHostPort } from '../../common/addresses.js';
import { LATENCY_BOUNDS_MS, type TelemetryBatch, type TrafficDelta } from '../../common/traffic.js';
import { exposeMetric, type Sample } from '../../platform/observability/index.js';
import { LiveBackends } from './live-backends.js';
import { addCounts, emptyCounts, type TrafficCounts } from './traffic-counts.js';

/** Pools and backends with series of their own; what is beyond counts under `(other)`. */
const MAX_POOLS = 2000;
const MAX_BACKENDS = 5000;
const OTHER = '(other)';

/** What a node's metrics name: the pools and backends of one tenant. */
export interface MeasuredPool {
  readonly id: string;
  readonly name: string;
  readonly backends: readonly { readonly id: string; readonly host: string; readonly port: number }[];
}

type Labels = Record<string, string>;
interface PoolSeries {
  labels: Labels;
  counts: TrafficCounts;
}
interface Bytes {
  in: number;
  out: number;
}
interface BackendSeries {
  id: string;
  labels: Labels;
}

const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];
const OTHER_POOL: Labels = { tenant: OTHER, pool: OTHER };

/**
 * The data plane's Prometheus series. The engine counts in batches, with latencies already in buckets, so the
 * exposition is made from sums at each scrape rather than observed one by one; names are looked up then, too, so that
 * a change of configuration costs nothing here. Series of a pool or backend that is gone are gone too.
 */
@Injectable()
export class TrafficMetrics {
  private readonly tenants = new Map<string, readonly MeasuredPool[]>();
  private readonly pools = new Map<string, TrafficCounts>();
  private readonly backends = new Map<string, Bytes>();
  private readonly otherPools = emptyCounts();
  private readonly otherBackends: Bytes = { in: 0, out: 0 };
  private unknownHostRequests = 0;

  constructor(private readonly live: LiveBackends) {
    exposeMetric('veloflux_pool_requests_total', 'Requests answered, by class of status', 'counter', () =>
      this.everyPool((s) =>
        STATUS_CLASSES.map((c, i) => sample(s, { status_class: c }, s.counts.statusClasses[i]!)),
      ),
    );
    exposeMetric('veloflux_pool_request_duration_seconds', 'Time to the end of the answer', 'histogram', () =>
      this.everyPool(histogram),
    );
    exposeMetric('veloflux_pool_bytes_total', 'Bytes received from and sent to clients', 'counter', () =>
      this.everyPool((s) => directions(s, { in: s.counts.bytesIn, out: s.counts.bytesOut })),
    );
    exposeMetric('veloflux_backend_up', '1 healthy, 0 unhealthy; absent while unknown', 'gauge', () =>
      this.up(),
    );
    exposeMetric('veloflux_backend_connections', 'Requests in flight', 'gauge', () => this.connections());
    exposeMetric(
      'veloflux_backend_bytes_total',
      'Bytes of requests sent on and answers returned',
      'counter',
      () => this.backendBytes(),
    );
    exposeMetric(
      'veloflux_unknown_host_requests_total',
      'Requests for hosts that no route serves',
      'counter',
      () => [{ labels: {}, value: this.unknownHostRequests }],
    );
  }

  /** Tells which pools and backends of a tenant there are now; an empty list when the tenant is gone. */
  setTenant(tenantId: string, pools: readonly MeasuredPool[]): void {
    if (pools.length) this.tenants.set(tenantId, pools);
    else this.tenants.delete(tenantId);
  }

  record(batch: TelemetryBatch): void {
    this.unknownHostRequests += batch.unknownHostRequests;
    for (const delta of batch.traffic) this.count(delta);
  }

  private count(delta: TrafficDelta): void {
    if (delta.poolId) addCounts(this.countsOf(delta.poolId), delta);
    if (!delta.backendId) return;
    const bytes = this.bytesOf(delta.backendId);
    bytes.in += delta.bytesIn;
    bytes.out += delta.bytesOut;
  }

  private countsOf(poolId: string): TrafficCounts {
    const known = this.pools.get(poolId);
    if (known) return known;
    if (this.pools.size >= MAX_POOLS) this.forgetGone();
    if (this.pools.size >= MAX_POOLS) return this.otherPools;
    const counts = emptyCounts();
    this.pools.set(poolId, counts);
    return counts;
  }

  private bytesOf(backendId: string): Bytes {
    const known = this.backends.get(backendId);
    if (known) return known;
    if (this.backends.size >= MAX_BACKENDS) return this.otherBackends;
    const bytes = { in: 0, out: 0 };
    this.backends.set(backendId, bytes);
    return bytes;
  }

  /** Pools and backends that are there and have been counted, with their names; what is gone is forgotten. */
  private forgetGone(): PoolSeries[] {
    const series: PoolSeries[] = [];
    const kept = new Set<string>();
    for (const [tenant, pools] of this.tenants)
      for (const pool of pools) {
        kept.add(pool.id);
        for (const backend of pool.backends) kept.add(backend.id);
        const counts = this.pools.get(pool.id);
        if (counts) series.push({ labels: { tenant, pool: pool.name }, counts });
      }
    for (const counters of [this.pools, this.backends])
      for (const id of counters.keys()) if (!kept.has(id)) counters.delete(id);
    return series;
  }

  private everyPool(samples: (series: PoolSeries) => Sample[]): Sample[] {
    return [...this.forgetGone(), { labels: OTHER_POOL, counts: this.otherPools }].flatMap(samples);
  }

  private everyBackend(samples: (series: BackendSeries) => Sample[]): Sample[] {
    const out: Sample[] = [];
    let named = 0;
    for (const [tenant, pools] of this.tenants)
      for (const pool of pools)
        for (const backend of pool.backends) {
          if (++named > MAX_BACKENDS) return out;
          const labels = { tenant, pool: pool.name, backend: formatHostPort(backend) };
          out.push(...samples({ id: backend.id, labels }));
        }
    return out;
  }

  private up(): Sample[] {
    return this.everyBackend((series) => {
      const health = this.live.get(series.id)?.health ?? 'unknown';
      return health === 'unknown' ? [] : [sample(series, {}, health === 'healthy' ? 1 : 0)];
    });
  }

  private connections(): Sample[] {
    return this.everyBackend((series) => {
      const stats = this.live.get(series.id);
      return stats ? [sample(series, {}, stats.connections)] : [];
    });
  }

  private backendBytes(): Sample[] {
    const named = this.everyBackend((series) => {
      const bytes = this.backends.get(series.id);
      return bytes ? directions(series, bytes) : [];
    });
    return [...named, ...directions({ labels: { ...OTHER_POOL, backend: OTHER } }, this.otherBackends)];
  }
}

const sample = (series: { labels: Labels }, more: Labels, value: number): Sample => ({
  labels: { ...series.labels, ...more },
  value,
});

const directions = (series: { labels: Labels }, bytes: Bytes): Sample[] => [
  sample(series, { direction: 'in' }, bytes.in),
  sample(series, { direction: 'out' }, bytes.out),
];

function histogram({ labels, counts }: PoolSeries): Sample[] {
  const name = 'veloflux_pool_request_duration_seconds';
  let cumulative = 0;
  const buckets = counts.latencyBuckets.map((count, i) => {
    cumulative += count;
    const bound = LATENCY_BOUNDS_MS[i];
    const le = bound === undefined ? '+Inf' : String(bound / 1000);
    return { labels: { ...labels, le }, value: cumulative, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels, value: counts.latencySumMs / 1000, metricName: `${name}_sum` },
    { labels, value: counts.requests, metricName: `${name}_count` },
  ];
}
