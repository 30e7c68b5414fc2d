import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { PRODUCT_VERSION } from '../../common/version.js';
import { Access, Public, Unlimited } from '../../platform/security/index.js';
import { HealthResponse, RootResponse, StatusResponse, VersionResponse } from './status.dto.js';
import { StatusService } from './status.service.js';

@ApiTags('Status')
@Controller()
export class StatusController {
  constructor(private readonly status: StatusService) {}

  @Get()
  @Public()
  @ApiOperation({ summary: 'Whether the API runs' })
  root(): RootResponse {
    return { status: 'VeloFlux API is running', version: PRODUCT_VERSION, documentation: '/api/docs' };
  }

  @Get(['api/health', 'health'])
  @Public()
  @Unlimited()
  @ApiOperation({ summary: 'Health of the product and its parts; 503 when a part that it needs is down' })
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthResponse> {
    const health = await this.status.health();
    if (health.status !== 'healthy') reply.status(503).header('retry-after', 2);
    return health;
  }

  @Get('api/version')
  @Public()
  @ApiOperation({ summary: 'Version of the product' })
  version(): VersionResponse {
    return { version: PRODUCT_VERSION, node_version: process.version };
  }

  @Get('api/status')
  @Access('status.read')
  @ApiOperation({ summary: 'Status with the configuration version that the data plane runs' })
  read(): Promise<StatusResponse> {
    return this.status.status();
  }

  @Get('api/status/health')
  @Access('status.read')
  @ApiOperation({ summary: 'Health, always with status 200' })
  detailed(): Promise<HealthResponse> {
    return this.status.health();
  }
}
