import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import { ApiFails, ApiPage, ListEnvelope, pageRequest } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { SERIES_BODY_LIMITS } from '../series-limits.js';
import {
  BatchPredictRequest,
  BatchPredictResponse,
  PredictionHistoryQuery,
  PredictionHistoryResponse,
  PredictionResponse,
  PredictionsQuery,
  PredictRequest,
  PredictResponse,
} from './predictions.dto.js';
import { PredictionsService } from './predictions.service.js';

@ApiTags('AI: predictions')
@Controller('api/ai')
export class PredictionsController {
  constructor(private readonly predictions: PredictionsService) {}

  @Post('predict')
  @HttpCode(200)
  @Access('ai.predict')
  @RouteConfig(SERIES_BODY_LIMITS)
  @ApiFails(404)
  @ApiOperation({ summary: 'Ask a model' })
  predict(@CurrentUser() user: Principal, @Body() body: PredictRequest): Promise<PredictResponse> {
    return this.predictions.predict(user.tenantId, body);
  }

  @Post('predict/batch')
  @HttpCode(200)
  @Access('ai.predict')
  @RouteConfig(SERIES_BODY_LIMITS)
  @ApiFails(404)
  @ApiOperation({ summary: 'Ask a model many times; each input has a result of its own' })
  predictBatch(
    @CurrentUser() user: Principal,
    @Body() body: BatchPredictRequest,
  ): Promise<BatchPredictResponse> {
    return this.predictions.predictBatch(user.tenantId, body);
  }

  @Get(['predictions', 'predictions/list', 'prediction-history'])
  @Access('ai.read')
  @ListEnvelope('predictions')
  @ApiPage(PredictionResponse)
  @ApiOperation({ summary: 'List predictions, newest first' })
  list(@CurrentUser() user: Principal, @Query() query: PredictionsQuery): Promise<Page<PredictionResponse>> {
    return this.predictions.list(user.tenantId, pageRequest(query), query.range ?? '24h', query.model);
  }

  @Get(['history', 'analytics/history'])
  @Access('ai.read')
  @ApiOperation({ summary: 'Predictions over time: how many, how fast, how sure' })
  history(
    @CurrentUser() user: Principal,
    @Query() query: PredictionHistoryQuery,
  ): Promise<PredictionHistoryResponse> {
    return this.predictions.history(user.tenantId, query.period ?? '24h');
  }
}
