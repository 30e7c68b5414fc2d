import { LATENCY_BOUNDS_MS, type TrafficDelta } from '../../engine.js';
import type { Backend } from '../pools/backend.js';

type StatusClasses = [number, number, number, number, number];

/** Counts of one (route, pool, backend) since the last drain. */
class TrafficCounter {
  requests = 0;
  classes: StatusClasses = [0, 0, 0, 0, 0];
  latencies: number[] = new Array(LATENCY_BOUNDS_MS.length + 1).fill(0);
  latencySumMs = 0;
  bytesIn = 0;
  bytesOut = 0;

  constructor(
    readonly poolId: string | null,
    readonly backendId: string | null,
  ) {}

  count(status: number, latencyMs: number): void {
    this.requests++;
    this.classes[Math.min(4, Math.max(0, Math.floor(status / 100) - 1))]++;
    this.latencies[bucketOf(latencyMs)]++;
    this.latencySumMs += latencyMs;
  }

  /** Hands out the figures; the counter is not used any more. */
  delta(tenantId: string, routeId: string): TrafficDelta {
    return {
      tenantId,
      routeId,
      poolId: this.poolId,
      backendId: this.backendId,
      requests: this.requests,
      statusClasses: this.classes,
      latencyBuckets: this.latencies,
      latencySumMs: this.latencySumMs,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
    };
  }
}

/** Index into LATENCY_BOUNDS_MS; one past the end for the open bucket. */
export function bucketOf(latencyMs: number): number {
  let bucket = 0;
  while (bucket < LATENCY_BOUNDS_MS.length && latencyMs > LATENCY_BOUNDS_MS[bucket]) bucket++;
  return bucket;
}

/**
 * The counters of one route. A route that is replaced is drained once more, so no figure is lost when the
 * configuration changes.
 */
export class RouteCounters {
  private readonly counters = new Map<Backend | string | null, TrafficCounter>();
  private listed = false;

  constructor(
    private readonly tenantId: string,
    private readonly routeId: string,
    /** Routes with figures to hand out. */
    private readonly active: RouteCounters[],
  ) {}

  count(poolId: string | null, backend: Backend | null, status: number, latencyMs: number): void {
    this.counterOf(poolId, backend).count(status, latencyMs);
  }

  addBytes(poolId: string | null, backend: Backend | null, bytesIn: number, bytesOut: number): void {
    const counter = this.counterOf(poolId, backend);
    counter.bytesIn += bytesIn;
    counter.bytesOut += bytesOut;
  }

  drainInto(deltas: TrafficDelta[]): void {
    for (const counter of this.counters.values()) deltas.push(counter.delta(this.tenantId, this.routeId));
    this.counters.clear();
    this.listed = false;
  }

  private counterOf(poolId: string | null, backend: Backend | null): TrafficCounter {
    const key = backend ?? poolId;
    let counter = this.counters.get(key);
    if (!counter) {
      counter = new TrafficCounter(poolId, backend?.id ?? null);
      this.counters.set(key, counter);
      if (!this.listed) this.active.push(this);
      this.listed = true;
    }
    return counter;
  }
}
