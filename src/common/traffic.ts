import type { HealthState } from './load-balancing.js';

/** What an engine knows of one backend at this moment. */
export interface BackendStats {
  readonly backendId: string;
  readonly health: HealthState;
  /** Requests in flight. */
  readonly connections: number;
  /** Exponentially weighted mean (time constant 10 s) of the time to the response head, ms; null before the first. */
  readonly responseTimeMs: number | null;
  readonly lastCheckAt: Date | null;
  readonly lastError: string | null;
  /** Taken out for a while by passive checks. */
  readonly ejected: boolean;
}

/** Upper bounds of the latency histogram's buckets in milliseconds; the last bucket is open (+Inf). */
export const LATENCY_BOUNDS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000,
] as const;

/** Counters of one (route, pool, backend) since the last drain. */
export interface TrafficDelta {
  readonly tenantId: string;
  readonly routeId: string;
  /** Null when no pool was reached (redirect, refused by a rule). */
  readonly poolId: string | null;
  /** Null when no backend answered. */
  readonly backendId: string | null;
  readonly requests: number;
  /** By class: index 0 = 1xx … 4 = 5xx. */
  readonly statusClasses: readonly [number, number, number, number, number];
  /** One count per bucket of LATENCY_BOUNDS_MS plus the open one; not cumulative. */
  readonly latencyBuckets: readonly number[];
  /** Request head to end of answer; for a WebSocket connection, to its 101 (its bytes follow when it closes). */
  readonly latencySumMs: number;
  /** Request head and body as received from the client. */
  readonly bytesIn: number;
  /** Response head and body as sent to the client. */
  readonly bytesOut: number;
}

export interface PathDelta {
  readonly tenantId: string;
  /**
   * Path without query, segments that are numbers, UUIDs or long hex ids as `{id}`; bounded to the top 200 of a tenant,
   * the rest is counted under `(other)`.
   */
  readonly path: string;
  readonly requests: number;
  readonly latencySumMs: number;
  readonly errors: number;
}

/** One line of a tenant's access log: errors (status ≥ 500) always, the rest sampled. */
export interface AccessSample {
  readonly at: Date;
  readonly tenantId: string;
  readonly routeId: string;
  readonly poolId: string | null;
  readonly backendId: string | null;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly latencyMs: number;
  readonly clientAddress: string;
  readonly requestId: string;
}

export interface TelemetryBatch {
  readonly traffic: readonly TrafficDelta[];
  readonly paths: readonly PathDelta[];
  readonly samples: readonly AccessSample[];
  /** Requests for hosts, or paths of a known host, that no route serves. */
  readonly unknownHostRequests: number;
}
