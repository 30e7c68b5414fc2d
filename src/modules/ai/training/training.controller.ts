import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { invalidField, notFound } from '../../../common/errors.js';
import type { Page } from '../../../common/pagination.js';
import { ApiFails, ApiPage, IdParam, ListEnvelope, pageRequest } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { BUILT_IN } from '../forecasting/built-in-models.js';
import { SERIES_BODY_LIMITS } from '../series-limits.js';
import {
  RetrainQuery,
  RetrainRequest,
  RetrainResponse,
  StartTrainingQuery,
  StartTrainingRequest,
  StopTrainingQuery,
  TRAINABLE,
  type Trainable,
  TrainingListQuery,
  TrainingResponse,
  TrainingStartedResponse,
  TrainingStoppedResponse,
} from './training.dto.js';
import { TrainingService } from './training.service.js';

const isTrainable = (name: string): name is Trainable => (TRAINABLE as readonly string[]).includes(name);

@ApiTags('AI: training')
@Controller('api/ai')
export class TrainingController {
  constructor(private readonly training: TrainingService) {}

  @Post('training/start')
  @HttpCode(202)
  @Access('ai.write')
  @RouteConfig(SERIES_BODY_LIMITS)
  @ApiFails(404)
  @ApiOperation({ summary: 'Start training a model, on measured traffic or on data in the request' })
  start(
    @CurrentUser() user: Principal,
    @Query() query: StartTrainingQuery,
    @Body() body: StartTrainingRequest,
  ): Promise<TrainingStartedResponse> {
    return this.begin(user, {
      ...body,
      model_type: query.model_type ?? body.model_type,
      epochs: query.epochs ?? body.epochs,
    });
  }

  @Post('train')
  @HttpCode(202)
  @Access('ai.write')
  @RouteConfig(SERIES_BODY_LIMITS)
  @ApiFails(404)
  @ApiOperation({ summary: 'Start training a model; everything in the body' })
  train(
    @CurrentUser() user: Principal,
    @Body() body: StartTrainingRequest,
  ): Promise<TrainingStartedResponse> {
    return this.begin(user, body);
  }

  @Post('training/stop')
  @HttpCode(200)
  @Access('ai.write')
  @ApiOperation({ summary: 'Stop waiting and running trainings, of one kind or all' })
  async stop(
    @CurrentUser() user: Principal,
    @Query() query: StopTrainingQuery,
  ): Promise<TrainingStoppedResponse> {
    const runs = await this.training.stop(user.tenantId, query.model_type);
    return { training: 'stopped', model_type: query.model_type ?? null, force: query.force ?? false, runs };
  }

  @Get('training')
  @Access('ai.read')
  @ListEnvelope('trainings')
  @ApiPage(TrainingResponse)
  @ApiOperation({ summary: 'List trainings, newest first' })
  list(@CurrentUser() user: Principal, @Query() query: TrainingListQuery): Promise<Page<TrainingResponse>> {
    return this.training.list(user.tenantId, pageRequest(query), query.status, query.model_type);
  }

  @Get('training/:id')
  @Access('ai.read')
  @ApiOperation({ summary: 'Read a training with its progress' })
  get(@CurrentUser() user: Principal, @IdParam('training') id: string): Promise<TrainingResponse> {
    return this.training.get(user.tenantId, id);
  }

  @Post('training/:id/stop')
  @HttpCode(200)
  @Access('ai.write')
  @ApiOperation({ summary: 'Stop one training' })
  async stopOne(@CurrentUser() user: Principal, @IdParam('training') id: string): Promise<TrainingResponse> {
    await this.training.stop(user.tenantId, undefined, id);
    return this.training.get(user.tenantId, id);
  }

  @Post(['retrain', 'retrain/all'])
  @HttpCode(202)
  @Access('ai.write')
  @ApiFails(404)
  @ApiOperation({ summary: 'Train anew; with `full` also a model for each pool' })
  retrain(
    @CurrentUser() user: Principal,
    @Query() query: RetrainQuery,
    @Body() body: RetrainRequest,
  ): Promise<RetrainResponse> {
    return this.again(user, query.model_type ?? 'load_predictor', query.full ?? false, body.epochs);
  }

  @Post('models/:model_type/retrain')
  @HttpCode(202)
  @Access('ai.write')
  @ApiOperation({ summary: 'Train one model anew' })
  retrainModel(
    @CurrentUser() user: Principal,
    @Param('model_type') modelType: string,
    @Body() body: RetrainRequest,
  ): Promise<RetrainResponse> {
    if (!isTrainable(modelType)) {
      if ((BUILT_IN as readonly string[]).includes(modelType))
        throw invalidField('model_type', 'trainable', `'${modelType}' learns as it goes and is not trained`);
      throw notFound('Model', modelType);
    }
    return this.again(user, modelType, false, body.epochs);
  }

  private async begin(user: Principal, request: StartTrainingRequest): Promise<TrainingStartedResponse> {
    const row = await this.training.start(user.tenantId, request.model_type ?? 'load_predictor', request);
    return { training: 'started', epochs: row.params.epochs ?? null, ...TrainingResponse.from(row) };
  }

  private async again(
    user: Principal,
    modelType: Trainable,
    full: boolean,
    epochs?: number,
  ): Promise<RetrainResponse> {
    const rows = await this.training.retrain(user.tenantId, modelType, full, epochs);
    return { retrain: 'started', model_type: modelType, full, runs: rows.map((r) => r.id) };
  }
}
