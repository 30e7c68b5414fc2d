import { Body, Controller, Get, HttpCode, Post, Put, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { register } from 'prom-client';
import { Access, Public, Unlimited } from '../../platform/security/index.js';
import { ReloadResponse } from '../configuration/index.js';
import { DataPlaneService } from '../dataplane/index.js';
import { UpdateSettingsRequest } from '../settings/index.js';
import { HealthResponse, StatusService } from '../status/index.js';
import { AdminConfigResponse } from './admin.dto.js';
import { AdminService } from './admin.service.js';

/** What the admin listener answers, on its own port only. */
@ApiTags('Admin listener')
@Controller('admin')
export class AdminListenerController {
  constructor(
    private readonly admin: AdminService,
    private readonly status: StatusService,
    private readonly dataPlane: DataPlaneService,
  ) {}

  @Get('health')
  @Public()
  @Unlimited()
  @ApiOperation({ summary: 'Health of this node; 503 while it is not healthy' })
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthResponse> {
    const health = await this.status.health();
    if (health.status !== 'healthy') reply.status(503).header('retry-after', 2);
    return health;
  }

  @Get('metrics')
  @Access('admin.read')
  @ApiOkResponse({
    description: 'Prometheus text format',
    content: { 'text/plain': { schema: { type: 'string' }, example: 'http_requests_total{status="200"} 1' } },
  })
  @ApiOperation({ summary: 'Metrics of this node, for Prometheus' })
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.type(register.contentType);
    return register.metrics();
  }

  @Post('reload')
  @HttpCode(200)
  @Access('admin.write')
  @ApiOperation({ summary: 'Make every node read the whole configuration again and apply it' })
  async reload(): Promise<ReloadResponse> {
    return { status: 'reloaded', ...(await this.dataPlane.reload()) };
  }

  @Get('config')
  @Access('admin.read')
  @ApiOperation({ summary: 'Read the runtime settings and what the process was started with' })
  config(): AdminConfigResponse {
    return this.admin.config();
  }

  @Put('config')
  @Access('admin.write')
  @ApiOperation({ summary: 'Change runtime settings, on every node' })
  update(@Body() body: UpdateSettingsRequest): Promise<AdminConfigResponse> {
    return this.admin.updateConfig(body);
  }
}
