import { Injectable } from '@nestjs/common';
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
  id: string;
  name: string;
  backends: readonly { id: string; address: string }[];
}

type Labels = Record<string, string>;
interface PoolSeries {
  labels: Labels;
  counts: TrafficCounts;
}
interface BackendSeries {
  labels: Labels;
  bytesIn: number;
  bytesOut: number;
}

const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

/**
 * The data plane's Prometheus series. The engine counts in batches, with latencies already in buckets, so the
 * exposition is made from sums here at each scrape rather than observed one by one. Series of a pool or backend that
 * is gone are gone too; a rename starts a new one.
 */
@Injectable()
export class TrafficMetrics {
  private readonly pools = new Map<string, PoolSeries>();
  private readonly backends = new Map<string, BackendSeries>();
  private readonly tenants = new Map<string, readonly MeasuredPool[]>();
  private readonly otherPool = { labels: { tenant: OTHER, pool: OTHER }, counts: emptyCounts() };
  private readonly otherBackend = {
    labels: { tenant: OTHER, pool: OTHER, backend: OTHER },
    bytesIn: 0,
    bytesOut: 0,
  };
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
      this.everyPool((s) => [
        sample(s, { direction: 'in' }, s.counts.bytesIn),
        sample(s, { direction: 'out' }, s.counts.bytesOut),
      ]),
    );
    exposeMetric('veloflux_backend_up', '1 healthy, 0 unhealthy; absent while unknown', 'gauge', () =>
      this.up(),
    );
    exposeMetric('veloflux_backend_connections', 'Requests in flight', 'gauge', () => this.connections());
    exposeMetric(
      'veloflux_backend_bytes_total',
      'Bytes of requests sent on and answers returned',
      'counter',
      () =>
        [...this.backends.values(), this.otherBackend].flatMap((s) => [
          sample(s, { direction: 'in' }, s.bytesIn),
          sample(s, { direction: 'out' }, s.bytesOut),
        ]),
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
    const before = this.tenants.get(tenantId) ?? [];
    const kept = new Set(pools.flatMap((p) => [p.id, ...p.backends.map((b) => b.id)]));
    for (const pool of before) {
      if (!kept.has(pool.id)) this.pools.delete(pool.id);
      for (const backend of pool.backends) if (!kept.has(backend.id)) this.backends.delete(backend.id);
    }
    if (pools.length) this.tenants.set(tenantId, pools);
    else this.tenants.delete(tenantId);
    for (const pool of pools) this.name(tenantId, pool);
  }

  record(batch: TelemetryBatch): void {
    this.unknownHostRequests += batch.unknownHostRequests;
    for (const delta of batch.traffic) this.count(delta);
  }

  private name(tenant: string, pool: MeasuredPool): void {
    const labels = { tenant, pool: pool.name };
    const series = this.pools.get(pool.id);
    if (series ? series.labels.pool !== pool.name : this.pools.size < MAX_POOLS)
      this.pools.set(pool.id, { labels, counts: emptyCounts() });
    for (const backend of pool.backends) {
      const known = this.backends.get(backend.id)?.labels;
      if (
        known
          ? known.pool !== pool.name || known.backend !== backend.address
          : this.backends.size < MAX_BACKENDS
      )
        this.backends.set(backend.id, {
          labels: { ...labels, backend: backend.address },
          bytesIn: 0,
          bytesOut: 0,
        });
    }
  }

  private count(delta: TrafficDelta): void {
    if (delta.poolId) addCounts((this.pools.get(delta.poolId) ?? this.otherPool).counts, delta);
    if (!delta.backendId) return;
    const backend = this.backends.get(delta.backendId) ?? this.otherBackend;
    backend.bytesIn += delta.bytesIn;
    backend.bytesOut += delta.bytesOut;
  }

  private everyPool(samples: (series: PoolSeries) => Sample[]): Sample[] {
    return [...this.pools.values(), this.otherPool].flatMap(samples);
  }

  private up(): Sample[] {
    return [...this.backends].flatMap(([id, series]) => {
      const health = this.live.get(id)?.health ?? 'unknown';
      return health === 'unknown' ? [] : [sample(series, {}, health === 'healthy' ? 1 : 0)];
    });
  }

  private connections(): Sample[] {
    return [...this.backends].flatMap(([id, series]) => {
      const stats = this.live.get(id);
      return stats ? [sample(series, {}, stats.connections)] : [];
    });
  }
}

const sample = (series: { labels: Labels }, more: Labels, value: number): Sample => ({
  labels: { ...series.labels, ...more },
  value,
});

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
