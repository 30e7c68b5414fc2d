import { Controller, Get, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { AiHealthService } from './ai-health.service.js';
import { AiMetricsService } from './ai-metrics.service.js';
import { AiStatusService } from './ai-status.service.js';
import {
  AiHealthResponse,
  AiMetricsResponse,
  AiStatusResponse,
  DetailQuery,
  MetricsQuery,
} from './overview.dto.js';

const isDetailed = (query: DetailQuery, { url }: FastifyRequest): boolean =>
  query.detailed ?? url.split('?')[0]!.endsWith('/detailed');

@ApiTags('AI: overview')
@Controller('api/ai')
export class OverviewController {
  constructor(
    private readonly figures: AiMetricsService,
    private readonly states: AiStatusService,
    private readonly healths: AiHealthService,
  ) {}

  @Get(['metrics', 'metrics/detailed'])
  @Access('ai.read')
  @ApiOperation({ summary: 'The next forecast, what it advises, and how good the forecasts were' })
  metrics(
    @CurrentUser() user: Principal,
    @Query() query: MetricsQuery,
    @Req() request: FastifyRequest,
  ): Promise<AiMetricsResponse> {
    return this.figures.metrics(user.tenantId, isDetailed(query, request), query.history ?? false);
  }

  @Get('status')
  @Access('ai.read')
  @ApiOperation({ summary: 'Whether the AI works for you, and its models' })
  status(@CurrentUser() user: Principal): Promise<AiStatusResponse> {
    return this.states.status(user.tenantId);
  }

  @Get(['health', 'health/detailed'])
  @Access('ai.read')
  @ApiOperation({ summary: 'Whether the models can answer' })
  health(
    @CurrentUser() user: Principal,
    @Query() query: DetailQuery,
    @Req() request: FastifyRequest,
  ): Promise<AiHealthResponse> {
    return this.healths.health(user.tenantId, isDetailed(query, request));
  }
}
