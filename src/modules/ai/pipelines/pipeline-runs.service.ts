import { Injectable } from '@nestjs/common';
import { AppError, invalidField, notFound } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { UsageMeter } from '../../billing/index.js';
import { BatchExecutor } from './batch-executor.js';
import { PipelineExecutor } from './pipeline-executor.js';
import {
  PipelineRunsRepository,
  type RunInput,
  type RunRow,
  type RunStatus,
} from './pipeline-runs.repository.js';
import { PipelineWorker } from './pipeline-worker.js';
import { PipelineRunResponse, RunPipelineResponse } from './pipelines.dto.js';
import { PipelinesRepository } from './pipelines.repository.js';

/** Runs of one tenant that wait or run at the same time; further ones are refused. */
const MAX_OPEN = 100;
/** Inputs of a batch that is run within the request. */
const MAX_NOW = 1000;

/** Runs of pipelines, within a request or by the queue. */
@Injectable()
export class PipelineRunsService {
  constructor(
    private readonly database: Database,
    private readonly pipelines: PipelinesRepository,
    private readonly runs: PipelineRunsRepository,
    private readonly executor: PipelineExecutor,
    private readonly batches: BatchExecutor,
    private readonly worker: PipelineWorker,
    private readonly meter: UsageMeter,
  ) {}

  /** Runs it within the request. A step that fails is no error of the request: the answer says why. */
  async run(tenantId: string, id: string, wanted: RunInput): Promise<RunPipelineResponse> {
    const { steps } = await this.database.tenant(tenantId, (tx) => this.pipelines.get(tx, tenantId, id));
    const { input, inputs, target } = wanted;
    if (inputs && inputs.length > MAX_NOW)
      throw invalidField('inputs', 'size', `more than ${MAX_NOW} inputs need async=true`);
    const started = new Date();
    const { signal } = new AbortController();
    if (inputs) await this.batches.checkTarget(tenantId, steps, target);
    const outcome = inputs
      ? await this.batches.execute(tenantId, steps, inputs, target, signal)
      : await this.executor.execute(tenantId, steps, input!, signal);
    const row = await this.database.tenant(tenantId, async (tx) => {
      await this.pipelines.get(tx, tenantId, id, true); // deleted meanwhile: 404
      return this.runs.addEnded(tx, tenantId, id, wanted, started, outcome);
    });
    return RunPipelineResponse.from(row);
  }

  /** Leaves it to the queue. @throws AppError 409 TOO_MANY_RUNS, 503 when Dask is asked for and away */
  async enqueue(tenantId: string, id: string, wanted: RunInput): Promise<RunPipelineResponse> {
    const { steps } = await this.database.tenant(tenantId, (tx) => this.pipelines.get(tx, tenantId, id));
    if (wanted.inputs) await this.batches.checkTarget(tenantId, steps, wanted.target);
    return this.database.tenant(tenantId, async (tx) => {
      await this.pipelines.get(tx, tenantId, id, true);
      if ((await this.runs.countOpen(tx, tenantId)) >= MAX_OPEN)
        throw new AppError(409, 'TOO_MANY_RUNS', `${MAX_OPEN} runs of this tenant wait or run already`);
      const row = await this.runs.enqueue(tx, tenantId, id, wanted);
      await this.meter.record(tx, tenantId, 'ai_jobs', 1, row.id);
      await this.worker.wake(tx);
      return RunPipelineResponse.from(row);
    });
  }

  list(
    tenantId: string,
    id: string,
    request: PageRequest,
    status?: RunStatus,
  ): Promise<Page<PipelineRunResponse>> {
    return this.database.tenant(tenantId, async (tx) => {
      await this.pipelines.get(tx, tenantId, id);
      const page = await this.runs.page(tx, tenantId, id, request, status);
      return page.map((row) => PipelineRunResponse.from(row));
    });
  }

  async get(tenantId: string, id: string, runId: string): Promise<PipelineRunResponse> {
    const row = await this.database.tenant(tenantId, (tx) => this.find(tx, tenantId, id, runId));
    return PipelineRunResponse.from(row);
  }

  /** One that runs ends shortly after; one that has ended stays as it is. */
  cancel(tenantId: string, id: string, runId: string): Promise<PipelineRunResponse> {
    return this.database.tenant(tenantId, async (tx) => {
      await this.find(tx, tenantId, id, runId);
      await this.runs.requestCancel(tx, tenantId, runId);
      await this.worker.announceCancel(tx, runId);
      return PipelineRunResponse.from(await this.find(tx, tenantId, id, runId));
    });
  }

  private async find(tx: Transaction, tenantId: string, id: string, runId: string): Promise<RunRow> {
    const row = await this.runs.get(tx, tenantId, id, runId);
    if (!row) throw notFound('Run', runId);
    return row;
  }
}
