import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import {
  ApiCreates,
  ApiFails,
  ApiPage,
  IdParam,
  ListEnvelope,
  pageRequest,
} from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { SERIES_BODY_LIMITS } from '../series-limits.js';
import { PipelineRunsService } from './pipeline-runs.service.js';
import {
  CreatePipelineRequest,
  PipelineDeletedResponse,
  PipelineResponse,
  PipelineRunResponse,
  PipelinesQuery,
  RunPipelineQuery,
  RunPipelineRequest,
  RunPipelineResponse,
  RunsQuery,
  StepSchemaResponse,
  UpdatePipelineRequest,
} from './pipelines.dto.js';
import { PipelinesService } from './pipelines.service.js';
import { STEP_SCHEMAS } from './step-schemas.js';

@ApiTags('AI: pipelines')
@Controller('api/ai/pipeline-steps')
export class PipelineStepsController {
  @Get()
  @Access('ai.read')
  @ApiOperation({ summary: 'List the kinds of steps with their parameters' })
  list(): StepSchemaResponse[] {
    return [...STEP_SCHEMAS];
  }
}

@ApiTags('AI: pipelines')
@Controller(['api/ai/pipelines', 'api/ai/pipeline'])
export class PipelinesController {
  constructor(
    private readonly pipelines: PipelinesService,
    private readonly pipelineRuns: PipelineRunsService,
  ) {}

  @Get()
  @Access('ai.read')
  @ListEnvelope('pipelines')
  @ApiPage(PipelineResponse)
  @ApiOperation({ summary: 'List pipelines, by name' })
  list(@CurrentUser() user: Principal, @Query() query: PipelinesQuery): Promise<Page<PipelineResponse>> {
    return this.pipelines.list(user.tenantId, pageRequest(query), query.category);
  }

  @Post()
  @Access('ai.write')
  @ApiCreates()
  @ApiOperation({ summary: 'Create a pipeline' })
  create(@CurrentUser() user: Principal, @Body() body: CreatePipelineRequest): Promise<PipelineResponse> {
    return this.pipelines.create(user.tenantId, body);
  }

  @Get(':id')
  @Access('ai.read')
  @ApiOperation({ summary: 'Read a pipeline' })
  get(@CurrentUser() user: Principal, @IdParam('pipeline') id: string): Promise<PipelineResponse> {
    return this.pipelines.get(user.tenantId, id);
  }

  @Put(':id')
  @Access('ai.write')
  @ApiFails(409)
  @ApiOperation({ summary: 'Change a pipeline; what is not sent stays' })
  update(
    @CurrentUser() user: Principal,
    @IdParam('pipeline') id: string,
    @Body() body: UpdatePipelineRequest,
  ): Promise<PipelineResponse> {
    return this.pipelines.update(user.tenantId, id, body);
  }

  @Delete(':id')
  @HttpCode(200)
  @Access('ai.write')
  @ApiOperation({ summary: 'Delete a pipeline and its runs' })
  async delete(
    @CurrentUser() user: Principal,
    @IdParam('pipeline') id: string,
  ): Promise<PipelineDeletedResponse> {
    await this.pipelines.delete(user.tenantId, id);
    return { pipeline: 'deleted', id };
  }

  @Post(':id/run')
  @HttpCode(200)
  @Access('ai.predict')
  @RouteConfig(SERIES_BODY_LIMITS)
  @ApiOperation({
    summary: 'Run a pipeline on one input or on many; a step that fails is in the answer, with the reason',
  })
  run(
    @CurrentUser() user: Principal,
    @IdParam('pipeline') id: string,
    @Query() query: RunPipelineQuery,
    @Body() body: RunPipelineRequest,
  ): Promise<RunPipelineResponse> {
    const wanted = body.checked();
    return query.async
      ? this.pipelineRuns.enqueue(user.tenantId, id, wanted)
      : this.pipelineRuns.run(user.tenantId, id, wanted);
  }

  @Get(':id/runs')
  @Access('ai.read')
  @ListEnvelope('runs')
  @ApiPage(PipelineRunResponse)
  @ApiOperation({ summary: 'List the runs of a pipeline, newest first; kept for 30 days' })
  runs(
    @CurrentUser() user: Principal,
    @IdParam('pipeline') id: string,
    @Query() query: RunsQuery,
  ): Promise<Page<PipelineRunResponse>> {
    return this.pipelineRuns.list(user.tenantId, id, pageRequest(query), query.status);
  }

  @Get(':id/runs/:run_id')
  @Access('ai.read')
  @ApiOperation({ summary: 'Read a run' })
  readRun(
    @CurrentUser() user: Principal,
    @IdParam('pipeline') id: string,
    @IdParam('run', 'run_id') runId: string,
  ): Promise<PipelineRunResponse> {
    return this.pipelineRuns.get(user.tenantId, id, runId);
  }

  @Post(':id/runs/:run_id/cancel')
  @HttpCode(200)
  @Access('ai.predict')
  @ApiOperation({ summary: 'Cancel a run that waits or runs; one that has ended stays as it is' })
  cancel(
    @CurrentUser() user: Principal,
    @IdParam('pipeline') id: string,
    @IdParam('run', 'run_id') runId: string,
  ): Promise<PipelineRunResponse> {
    return this.pipelineRuns.cancel(user.tenantId, id, runId);
  }
}
