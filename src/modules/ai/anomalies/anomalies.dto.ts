import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsNumber, Max, Min } from 'class-validator';
import { IsLine, MayBeAbsent, queryNumber, TimeRangeQuery, timeRange } from '../../../platform/http/index.js';
import type { AnomalyFilter, AnomalyRow } from './anomalies.repository.js';
import { METRICS, type Metric } from './metrics.js';

export class AnomaliesQuery extends TimeRangeQuery {
  /**
   * Name of a pool.
   * @example web_servers
   */
  @MayBeAbsent()
  @IsLine(100)
  pool?: string;

  @ApiPropertyOptional({ enum: METRICS, enumName: 'AnomalyMetric', example: 'latency' })
  @MayBeAbsent()
  @IsIn(METRICS)
  metric?: Metric;

  /**
   * Least score.
   * @example 0.6
   */
  @MayBeAbsent()
  @Transform(queryNumber)
  @IsNumber()
  @Min(0)
  @Max(1)
  min_score?: number;

  static filterOf(query: AnomaliesQuery): AnomalyFilter {
    const { pool, metric, min_score: minScore } = query;
    return { pool, metric, minScore, ...timeRange(query) };
  }
}

/** One minute of a series. */
export class AnomalyPoint {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /** @example 48.2 */
  value: number;
}

/** What was expected before the value came. */
export class ExpectedRange {
  /** @example 48.1 */
  value: number;
  /** @example 40.6 */
  lower: number;
  /** @example 55.6 */
  upper: number;
}

export class AnomalyResponse {
  /** @example anomaly_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  @ApiProperty({
    enum: METRICS,
    enumName: 'AnomalyMetric',
    description:
      'requests: a minute. latency: mean, ms. errors: share of answers of class 5xx. cpu, memory, disk: %. network: bytes a second',
    example: 'latency',
  })
  metric: Metric;
  /**
   * Null for a machine's metric, and once the pool is gone.
   * @example web_servers
   */
  pool: string | null;
  /** @example pool_01jz3k5v8hf0vbn2x4q6t8w0ya */
  pool_id: string | null;
  /**
   * Machine whose metric it is; null for a pool's.
   * @example null
   */
  node: string | null;
  /**
   * The minute that stands out.
   * @example 2026-06-19T15:30:00.000Z
   */
  at: string;
  /**
   * When the values were back in the range for three minutes, or had been elsewhere for two hours; null while it lasts.
   * @example null
   */
  ended_at: string | null;
  /**
   * How unlikely it is: 0.5 is one in 10^5, 1 one in 10^10 or rarer.
   * @example 0.82
   */
  score: number;
  /** @example 212.4 */
  value: number;
  expected: ExpectedRange;
  /** The 30 minutes before it, its own, and up to 15 after it, oldest first; minutes that say nothing are left out. */
  around: AnomalyPoint[];

  static from(row: AnomalyRow): AnomalyResponse {
    return {
      id: row.id,
      metric: row.metric,
      pool: row.pool,
      pool_id: row.pool_id,
      node: row.node,
      at: row.at.toISOString(),
      ended_at: row.ended_at?.toISOString() ?? null,
      score: row.score,
      value: row.value,
      expected: { value: row.expected, lower: row.lower, upper: row.upper },
      around: row.around.map(([at, value]) => ({ timestamp: new Date(at).toISOString(), value })),
    };
  }
}

/** An anomaly without the series around it. */
export class AnomalySummary extends OmitType(AnomalyResponse, ['around']) {}

export class AnomalyNews {
  anomaly: AnomalySummary;
}
