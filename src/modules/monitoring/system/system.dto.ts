import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { IsLine, IsQueryCount, MayBeAbsent } from '../../../platform/http/index.js';
import type { Resolution, SystemMetricsRow } from './system-metrics.repository.js';

export class SystemMetricsQuery {
  @IsQueryCount('Newest points to return', 1000, 100)
  limit?: number;

  @ApiPropertyOptional({
    enum: ['raw', 'minute'],
    description: '`raw`: each sample, for 24 hours. `minute`: means of minutes, for 30 days',
    default: 'raw',
    example: 'raw',
  })
  @MayBeAbsent()
  @IsIn(['raw', 'minute'])
  resolution?: Resolution;

  /**
   * Name of a node; the one that answers when left out.
   * @example node-1
   */
  @MayBeAbsent()
  @IsLine(200)
  node?: string;
}

class SystemMetricsPoint {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /** @example 45.2 */
  cpu_percent: number;
  /** @example 67.8 */
  memory_percent: number;
  /** @example 25.4 */
  disk_percent: number;
  /**
   * Bytes a second.
   * @example 1250000
   */
  network_rx: number;
  /**
   * Bytes a second.
   * @example 980000
   */
  network_tx: number;
}

export class SystemMetricsHistoryPoint extends SystemMetricsPoint {
  /**
   * Mean over the GPUs; null where none reports.
   * @example null
   */
  gpu_percent: number | null;

  static from(row: SystemMetricsRow): SystemMetricsHistoryPoint {
    const { at, cpu_percent, memory_percent, disk_percent, network_rx, network_tx, gpu_percent } = row;
    const timestamp = at.toISOString();
    return { timestamp, cpu_percent, memory_percent, disk_percent, network_rx, network_tx, gpu_percent };
  }
}

export class CpuResponse {
  /** @example 45.2 */
  percent: number;
  /** @example 8 */
  cores: number;
  @ApiProperty({
    type: [Number],
    description: 'Over 1, 5 and 15 minutes; zeros on Windows, which has none',
    example: [0.5, 0.4, 0.3],
  })
  load_average: number[];
}

export class CapacityResponse {
  /**
   * Bytes.
   * @example 16777216000
   */
  total: number;
  /** @example 8388608000 */
  used: number;
  /** @example 8388608000 */
  available: number;
  /** @example 50 */
  percent: number;
}

export class NetworkResponse {
  /**
   * Received bytes a second, all interfaces but the loopback.
   * @example 1250000
   */
  rx: number;
  /** @example 980000 */
  tx: number;
}

export class DaskStateResponse {
  /** @example false */
  running: boolean;
  /** @example 0 */
  workers: number;
}

export class GpuResponse {
  /** @example "NVIDIA A100" */
  name: string;
  /** @example 73 */
  utilization_percent: number | null;
  /** @example 40.5 */
  memory_percent: number | null;
}

export class SystemSummaryResponse {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  cpu: CpuResponse;
  memory: CapacityResponse;
  /** The file system that holds the data directory. */
  disk: CapacityResponse;
  network: NetworkResponse;
  dask: DaskStateResponse;
  @ApiProperty({
    type: [GpuResponse],
    nullable: true,
    description: 'Null where no GPU reports',
    example: null,
  })
  gpu: GpuResponse[] | null;
}

export class SystemInfoResponse {
  /** @example node-1 */
  hostname: string;
  /**
   * Name of this node in the cluster.
   * @example node-1:8080
   */
  node: string;
  /** @example linux */
  platform: string;
  /** @example 6.1.0-18-amd64 */
  release: string;
  /** @example x64 */
  architecture: string;
  /** @example 8 */
  cpu_count: number;
  /** @example "AMD EPYC 7763" */
  cpu_model: string;
  /**
   * Bytes.
   * @example 16777216000
   */
  memory_total: number;
  /** @example v20.20.2 */
  node_version: string;
  /** @example 1.1.0 */
  version: string;
  /**
   * Seconds that the machine is up.
   * @example 86400
   */
  system_uptime_seconds: number;
  /**
   * Seconds that this program is up.
   * @example 3600
   */
  process_uptime_seconds: number;
  /**
   * Resident memory of this program, bytes.
   * @example 104857600
   */
  process_memory: number;
}

export class RealtimeMetricsResponse {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /**
   * Per cent, of this node's machine.
   * @example 45.2
   */
  cpu: number;
  /** @example 67.8 */
  memory: number;
  /** @example 25.4 */
  disk: number;
  /**
   * Received bytes a second.
   * @example 1250000
   */
  network_rx: number;
  /** @example 980000 */
  network_tx: number;
  /**
   * Requests that this node's data plane carried in the last 60 seconds, of your tenant or, for a superadmin, of all.
   * @example 156
   */
  requests: number;
  /**
   * The same over the last 10 seconds, a second.
   * @example 2.6
   */
  requests_per_second: number;
  /**
   * Milliseconds, over the last 10 seconds; null without requests.
   * @example 45.2
   */
  response_time_avg: number | null;
  /**
   * Share of answers of class 5xx, 0 to 1, over the last 10 seconds; null without requests.
   * @example 0.02
   */
  error_rate: number | null;
}
