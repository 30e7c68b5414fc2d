import { Controller, Get, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import {
  AiHealthResponse,
  AiMetricsResponse,
  AiStatusResponse,
  DetailQuery,
  MetricsQuery,
} from './overview.dto.js';
import { OverviewService } from './overview.service.js';

const isDetailed = (query: DetailQuery, { url }: FastifyRequest): boolean =>
  query.detailed ?? url.split('?')[0]!.endsWith('/detailed');

@ApiTags('AI: overview')
@Controller('api/ai')
export class OverviewController {
  constructor(private readonly overview: OverviewService) {}

  @Get(['metrics', 'metrics/detailed'])
  @Access('ai.read')
  @ApiOperation({ summary: 'The next forecast, what it advises, and how good the forecasts were' })
  metrics(
    @CurrentUser() user: Principal,
    @Query() query: MetricsQuery,
    @Req() request: FastifyRequest,
  ): Promise<AiMetricsResponse> {
    return this.overview.metrics(user.tenantId, isDetailed(query, request), query.history ?? false);
  }

  @Get('status')
  @Access('ai.read')
  @ApiOperation({ summary: 'Whether the AI works for you, and its models' })
  status(@CurrentUser() user: Principal): Promise<AiStatusResponse> {
    return this.overview.status(user.tenantId);
  }

  @Get(['health', 'health/detailed'])
  @Access('ai.read')
  @ApiOperation({ summary: 'Whether the models can answer' })
  health(
    @CurrentUser() user: Principal,
    @Query() query: DetailQuery,
    @Req() request: FastifyRequest,
  ): Promise<AiHealthResponse> {
    return this.overview.health(user.tenantId, isDetailed(query, request));
  }
}
