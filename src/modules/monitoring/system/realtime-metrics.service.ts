import { Injectable } from '@nestjs/common';
import { TrafficReadModel } from '../../telemetry/index.js';
import { HostMetricsService } from './host-metrics.service.js';
import type { RealtimeMetricsResponse } from './system.dto.js';

const SHORT_SECONDS = 10;
const LONG_SECONDS = 60;

/** This machine and what its data plane carries, at this moment and without a query. */
@Injectable()
export class RealtimeMetrics {
  constructor(
    private readonly host: HostMetricsService,
    private readonly traffic: TrafficReadModel,
  ) {}

  /** @param tenantId whose traffic; null: all */
  async read(tenantId: string | null): Promise<RealtimeMetricsResponse> {
    const sample = await this.host.current();
    const short = this.traffic.rates(tenantId, SHORT_SECONDS);
    const long = this.traffic.rates(tenantId, LONG_SECONDS);
    return {
      timestamp: new Date().toISOString(),
      cpu: sample.cpuPercent,
      memory: sample.memory.percent,
      disk: sample.disk.percent,
      network_rx: sample.networkRx,
      network_tx: sample.networkTx,
      requests: Math.round(long.requests_per_second * LONG_SECONDS),
      requests_per_second: short.requests_per_second,
      response_time_avg: short.latency_avg_ms,
      error_rate: short.error_rate,
    };
  }
}
