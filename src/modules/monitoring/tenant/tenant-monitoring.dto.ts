import { ApiProperty } from '@nestjs/swagger';
import { LOG_LEVELS, type LogLevel } from '../../../platform/observability/index.js';

export class BandwidthResponse {
  /**
   * Received from clients, in 10^6 bytes.
   * @example 1024.5
   */
  inbound_mb: number;
  /**
   * Sent to clients, in 10^6 bytes.
   * @example 2048.7
   */
  outbound_mb: number;
}

export class EndpointResponse {
  /** @example /api/users */
  path: string;
  /** @example 15420 */
  requests: number;
  /**
   * Mean time to the end of the answer, in milliseconds.
   * @example 32.1
   */
  avg_response_time: number;
}

export class TrafficWindowResponse {
  /** @example 2026-06-19T15:29:00.000Z */
  from: string;
  /** @example 2026-06-19T15:30:12.000Z */
  to: string;
}

/** What the data plane carried lately, on all nodes. */
export class TrafficMetricsResponse {
  /**
   * Requests a second in `window`.
   * @example 125.4
   */
  requests_per_second: number;
  /**
   * Mean time to the end of the answer in `window`, in milliseconds; 0 without requests.
   * @example 45.2
   */
  response_time_avg: number;
  /**
   * Estimates of the quantiles of the response time in `window`, in milliseconds; null without requests.
   * @example 32.1
   */
  response_time_p50: number | null;
  /** @example 120.5 */
  response_time_p95: number | null;
  /** @example 240.9 */
  response_time_p99: number | null;
  /**
   * Share of answers of class 5xx in `window`, 0 to 1; 0 without requests.
   * @example 0.02
   */
  error_rate: number;
  /**
   * Requests in `window`.
   * @example 9030
   */
  requests: number;
  /** The last whole minute and the one that runs. */
  window: TrafficWindowResponse;
}

export class TenantMetricsResponse extends TrafficMetricsResponse {
  /** The last 24 hours. */
  bandwidth_usage: BandwidthResponse;
  /** The ten paths with the most requests of the last 24 hours. */
  top_endpoints: EndpointResponse[];
}

export class TenantLogEntry {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  @ApiProperty({ enum: LOG_LEVELS, enumName: 'LogLevel', example: 'INFO' })
  level: LogLevel;
  /**
   * What it is about: `PROXY` for the access log, else the kind of object.
   * @example POOL
   */
  component: string;
  /** @example "Pool 'web' created" */
  message: string;
  /**
   * `audit`: somebody did something. `access`: a request through the load balancer (errors all, others sampled).
   * @example audit
   */
  source: 'audit' | 'access';
  /**
   * Who did it; null in the access log.
   * @example user@example.com
   */
  actor: string | null;
  /**
   * Verb of the audit log; null in the access log.
   * @example pool.created
   */
  action: string | null;
  /**
   * Client's address, when known.
   * @example 203.0.113.7
   */
  address: string | null;
  /** @example req_01jz3k5v8hf0vbn2x4q6t8w0ya */
  request_id: string | null;
  /**
   * Host and path prefix of the route that was taken; null in the audit log and when it exists no more.
   * @example shop.example.com/
   */
  route: string | null;
  /**
   * Likewise.
   * @example web_servers
   */
  pool: string | null;
  /**
   * Address of the backend that was asked last; likewise, and null when none was.
   * @example 192.0.2.10:8080
   */
  backend: string | null;
}

export class UsageLimitsResponse {
  /**
   * The lower of the plan's and the tenant's own limit; null: none.
   * @example 50
   */
  max_users: number | null;
  /** @example 500000 */
  max_requests_per_month: number | null;
  /** @example 200 */
  max_pools: number | null;
  /** @example 1000 */
  max_backends: number | null;
  /** @example 500 */
  max_routes: number | null;
}

export class TenantUsageResponse {
  /** @example 2026-06-01T00:00:00.000Z */
  period_start: string;
  /** @example 2026-07-01T00:00:00.000Z */
  period_end: string;
  /**
   * Requests carried in the period so far.
   * @example 1000000
   */
  requests: number;
  /**
   * Traffic both ways in the period so far, in 10^9 bytes.
   * @example 500
   */
  bandwidth_gb: number;
  /** @example 25 */
  users: number;
  /** @example 4 */
  pools: number;
  /** @example 12 */
  backends: number;
  /** @example 6 */
  routes: number;
  limits: UsageLimitsResponse;
}

export class BackendCountsResponse {
  /** @example 12 */
  total: number;
  /**
   * Backends that this node's health checks find healthy.
   * @example 11
   */
  healthy: number;
  /** @example 1 */
  unhealthy: number;
  /**
   * Not checked (yet), or not in service.
   * @example 0
   */
  unknown: number;
}

export class TenantStatusResponse {
  /** @example active */
  status: 'active' | 'suspended';
  /** @example professional */
  plan: string;
  /** @example 4 */
  pools: number;
  backends: BackendCountsResponse;
  /** @example 6 */
  routes: number;
  /**
   * Alerts that fire now.
   * @example 0
   */
  alerts_firing: number;
}
