import os from 'node:os';
import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PRODUCT_VERSION } from '../../../common/version.js';
import { Cached } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal, viewOf } from '../../../platform/security/index.js';
import { NodesService } from '../../cluster/index.js';
import { ClusterOverview } from '../cluster-overview.js';
import { HostMetricsService } from './host-metrics.service.js';
import { RealtimeMetrics } from './realtime-metrics.service.js';
import {
  RealtimeMetricsResponse,
  SystemInfoResponse,
  SystemMetricsHistoryPoint,
  SystemMetricsQuery,
  SystemSummaryResponse,
} from './system.dto.js';

const DEFAULT_POINTS = 100;
const HISTORY_CACHE_SECONDS = 15;

@ApiTags('Monitoring: system')
@Controller()
export class SystemController {
  constructor(
    private readonly host: HostMetricsService,
    private readonly realtime: RealtimeMetrics,
    private readonly cluster: ClusterOverview,
    private readonly nodes: NodesService,
  ) {}

  @Get('metrics/system')
  @Access('system.read')
  @Cached(HISTORY_CACHE_SECONDS)
  @ApiOkResponse({ type: [SystemMetricsHistoryPoint], description: 'Oldest first' })
  @ApiOperation({ summary: 'History of a node’s machine' })
  async history(@Query() query: SystemMetricsQuery): Promise<SystemMetricsHistoryPoint[]> {
    const rows = await this.host.history(
      query.limit ?? DEFAULT_POINTS,
      query.resolution ?? 'raw',
      query.node,
    );
    return rows.map(SystemMetricsHistoryPoint.from);
  }

  @Get('api/system_metrics')
  @Access('system.read')
  @ApiOperation({ summary: 'This node’s machine now' })
  async summary(): Promise<SystemSummaryResponse> {
    const sample = await this.host.current();
    return {
      timestamp: sample.at.toISOString(),
      cpu: { percent: sample.cpuPercent, cores: os.cpus().length, load_average: os.loadavg() },
      memory: sample.memory,
      disk: sample.disk,
      network: { rx: sample.networkRx, tx: sample.networkTx },
      dask: this.cluster.current.dask,
      gpu: sample.gpus.length ? sample.gpus : null,
    };
  }

  @Get('api/metrics/realtime')
  @Access('monitoring.read')
  @ApiOperation({ summary: 'Load and traffic of this node right now' })
  now(@CurrentUser() user: Principal): Promise<RealtimeMetricsResponse> {
    return this.realtime.read(viewOf(user));
  }

  @Get('api/system/info')
  @Access('system.read')
  @ApiOperation({ summary: 'What this node runs on' })
  info(): SystemInfoResponse {
    return {
      hostname: os.hostname(),
      node: this.nodes.name,
      platform: os.platform(),
      release: os.release(),
      architecture: os.arch(),
      cpu_count: os.cpus().length,
      cpu_model: os.cpus()[0]?.model ?? '',
      memory_total: os.totalmem(),
      node_version: process.version,
      version: PRODUCT_VERSION,
      system_uptime_seconds: Math.floor(os.uptime()),
      process_uptime_seconds: Math.floor(process.uptime()),
      process_memory: process.memoryUsage.rss(),
    };
  }
}
