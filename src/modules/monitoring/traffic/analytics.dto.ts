import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, Matches } from 'class-validator';
import { IsDuration, MayBeAbsent } from '../../../platform/http/index.js';

const ANALYTICS_KEYS = ['tenant', 'pool', 'route', 'backend'] as const;
export type AnalyticsKey = (typeof ANALYTICS_KEYS)[number];

export class AnalyticsQuery {
  @ApiPropertyOptional({ description: 'How far back, `5m` to `90d`', default: '24h', example: '24h' })
  @MayBeAbsent()
  @IsDuration('5m', '90d')
  range?: string;

  @ApiPropertyOptional({
    description: 'Time between two points, whole minutes; chosen for about 60 points when left out',
    example: '30m',
  })
  @MayBeAbsent()
  @IsDuration('1m', '7d')
  step?: string;

  @ApiPropertyOptional({
    enum: ANALYTICS_KEYS,
    enumName: 'AnalyticsKey',
    description: 'One series for each; `tenant` is for superadmins. Left out: one series of all',
    example: 'pool',
  })
  @MayBeAbsent()
  @IsIn(ANALYTICS_KEYS)
  by?: AnalyticsKey;

  /**
   * Only this tenant's traffic: for superadmins, who otherwise see all.
   * @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  @MayBeAbsent()
  @Matches(/^tenant_[0-9a-z]{26}$/, { message: 'tenant_id must be an id of the form tenant_…' })
  tenant_id?: string;
}

export class AnalyticsPoint {
  /**
   * Start of the step.
   * @example 2026-06-19T15:30:00.000Z
   */
  timestamp: string;
  /** @example 1500 */
  requests: number;
  /**
   * Answers of class 5xx.
   * @example 3
   */
  errors: number;
  /**
   * Milliseconds; null without requests.
   * @example 45.2
   */
  response_time_avg: number | null;
  /** @example 1048576 */
  bytes_in: number;
  /** @example 10485760 */
  bytes_out: number;
}

export class AnalyticsSeries {
  /**
   * Id of the tenant, pool, route or backend; null in the series of all, and for traffic that reached none.
   * @example pool_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  key: string | null;
  /**
   * Its name (a route's is host and path); null when it is gone or has none.
   * @example web_servers
   */
  name: string | null;
  /** Oldest first; steps without traffic are zeros. */
  points: AnalyticsPoint[];
}

export class AnalyticsResponse {
  /** @example 24h */
  range: string;
  /** @example 30m */
  step: string;
  /** @example 2026-06-18T15:30:00.000Z */
  from: string;
  /** @example 2026-06-19T15:30:00.000Z */
  to: string;
  /** @example 150000 */
  requests: number;
  /** @example 30 */
  errors: number;
  /**
   * Share of answers of class 5xx, 0 to 1; 0 without requests.
   * @example 0.0002
   */
  error_rate: number;
  /** @example 45.2 */
  response_time_avg: number | null;
  /** @example 32.1 */
  response_time_p50: number | null;
  /** @example 120.5 */
  response_time_p95: number | null;
  /** @example 240.9 */
  response_time_p99: number | null;
  /** @example 1048576 */
  bytes_in: number;
  /** @example 10485760 */
  bytes_out: number;
  @ApiProperty({ type: () => [AnalyticsSeries], description: 'The 50 with the most requests' })
  series: AnalyticsSeries[];
}
