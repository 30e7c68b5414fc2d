import { applyDecorators, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiGatewayTimeoutResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { CommandVerb } from '../../common/agent-protocol.js';
import type { Page } from '../../common/pagination.js';
import {
  ApiFails,
  ApiPage,
  Cached,
  ListEnvelope,
  PageQuery,
  pageRequest,
} from '../../platform/http/index.js';
import { Access } from '../../platform/security/index.js';
import { WorkerCommandResponse, WorkerResponse } from './workers.dto.js';
import { WorkersService } from './workers.service.js';

const CACHE_SECONDS = 20;

const MESSAGES: Record<CommandVerb, (id: string) => string> = {
  start: (id) => `Worker ${id} started successfully`,
  stop: (id) => `Worker ${id} stopped successfully`,
  restart: (id) => `Worker ${id} restart initiated successfully`,
};

/** Documents an endpoint that answers when the agent has. */
const WorkerAction = (summary: string) =>
  applyDecorators(
    HttpCode(200),
    Access('workers.write'),
    ApiOperation({
      summary,
      description:
        'Answers when the worker’s agent has confirmed it, at the latest after 15 s. What to do is idempotent: repeat it after a 504.',
    }),
    ApiConflictResponse({
      description:
        '`WORKER_OFFLINE`: its agent is not connected, nothing was done. `WORKER_COMMAND_FAILED`: the agent could not do it; the message says why',
    }),
    ApiGatewayTimeoutResponse({
      description:
        '`WORKER_TIMEOUT`: the agent has not confirmed in time and may still do it; the message has the last known state',
    }),
  );

@ApiTags('Cluster AI: workers')
@Controller(['api/workers', 'workers'])
export class WorkersController {
  constructor(private readonly workers: WorkersService) {}

  @Get()
  @Access('workers.read')
  @Cached(CACHE_SECONDS)
  @ListEnvelope('workers')
  @ApiPage(WorkerResponse, 'By name')
  @ApiOperation({ summary: 'List the workers of the AI cluster' })
  async list(@Query() query: PageQuery): Promise<Page<WorkerResponse>> {
    return (await this.workers.list(pageRequest(query))).map(WorkerResponse.from);
  }

  @Get(':worker_id')
  @Access('workers.read')
  @ApiOperation({ summary: 'Read a worker' })
  async get(@Param('worker_id') id: string): Promise<WorkerResponse> {
    return WorkerResponse.from(await this.workers.get(id));
  }

  @Post(':worker_id/start')
  @WorkerAction('Start the worker’s command')
  start(@Param('worker_id') id: string): Promise<WorkerCommandResponse> {
    return this.run(id, 'start');
  }

  @Post(':worker_id/stop')
  @WorkerAction('Stop the worker’s command: its whole process group, and nothing else on the machine')
  stop(@Param('worker_id') id: string): Promise<WorkerCommandResponse> {
    return this.run(id, 'stop');
  }

  @Post(':worker_id/restart')
  @WorkerAction('Stop the worker’s command and start it again')
  restart(@Param('worker_id') id: string): Promise<WorkerCommandResponse> {
    return this.run(id, 'restart');
  }

  @Delete(':worker_id')
  @HttpCode(204)
  @Access('workers.write')
  @ApiFails(409)
  @ApiOperation({
    summary: 'Forget a worker',
    description:
      'Its credential is refused from now on. What it runs goes on: stop it first when it shall not.',
  })
  async forget(@Param('worker_id') id: string): Promise<void> {
    await this.workers.forget(id);
  }

  private async run(id: string, verb: CommandVerb): Promise<WorkerCommandResponse> {
    const worker = await this.workers.command(id, verb);
    return { message: MESSAGES[verb](id), worker: WorkerResponse.from(worker) };
  }
}
