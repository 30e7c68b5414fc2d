import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/security/index.js';
import { ClusterResponse } from './nodes.dto.js';
import { NodesService } from './nodes.service.js';

@ApiTags('Cluster')
@Controller('api/cluster')
export class NodesController {
  constructor(private readonly nodes: NodesService) {}

  @Get()
  @Access('cluster.read')
  @ApiOperation({ summary: 'The nodes of the control plane, which one leads, and what each of them runs' })
  async list(): Promise<ClusterResponse> {
    return ClusterResponse.from(await this.nodes.list(), this.nodes.localId ?? '');
  }
}
