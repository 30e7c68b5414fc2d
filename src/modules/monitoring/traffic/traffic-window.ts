import { Injectable } from '@nestjs/common';
import { MINUTE_MS } from '../../../common/durations.js';
import type { Transaction } from '../../../platform/database/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import type { TrafficMetricsResponse } from '../tenant/tenant-monitoring.dto.js';

/** Rates over the last whole minute and the one that runs: what all nodes wrote, exact to the minute. */
@Injectable()
export class TrafficWindow {
  constructor(private readonly traffic: TrafficReadModel) {}

  /** @param tenantId null: all tenants, in a system transaction */
  async measure(tx: Transaction, tenantId: string | null, now = new Date()): Promise<TrafficMetricsResponse> {
    const from = new Date(Math.floor(now.getTime() / MINUTE_MS) * MINUTE_MS - MINUTE_MS);
    const totals = await this.traffic.totals(tx, tenantId, from, now);
    const [p50, p95, p99] = await this.traffic.quantiles(tx, { tenantId }, from, now, [0.5, 0.95, 0.99]);
    return {
      requests_per_second: totals.requests / ((now.getTime() - from.getTime()) / 1000),
      response_time_avg: totals.latency_avg_ms ?? 0,
      response_time_p50: p50 ?? null,
      response_time_p95: p95 ?? null,
      response_time_p99: p99 ?? null,
      error_rate: totals.requests ? totals.errors / totals.requests : 0,
      requests: totals.requests,
      window: { from: from.toISOString(), to: now.toISOString() },
    };
  }
}
