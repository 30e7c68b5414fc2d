import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Cached } from '../../platform/http/index.js';
import { Access } from '../../platform/security/index.js';
import { ClusterStatusResponse } from './cluster-status.dto.js';
import { ClusterStatusService } from './cluster-status.service.js';

const CACHE_SECONDS = 30;

/** The AI cluster. The cluster of control-plane nodes is at `/api/cluster`, which has no alias without `/api`. */
@ApiTags('Cluster AI: workers')
@Controller(['api/cluster/status', 'cluster/status'])
export class ClusterStatusController {
  constructor(private readonly status: ClusterStatusService) {}

  @Get()
  @Access('cluster.read')
  @Cached(CACHE_SECONDS)
  @ApiOperation({ summary: 'Workers, services and Dask tasks of the AI cluster' })
  async read(): Promise<ClusterStatusResponse> {
    return ClusterStatusResponse.from(await this.status.refresh());
  }
}
