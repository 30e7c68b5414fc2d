import { Injectable } from '@nestjs/common';
import { AppError, conflict, invalid, invalidField, notFound } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database, type Transaction, violatedConstraint } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { UsageMeter } from '../../billing/index.js';
import { BatchExecutor } from './batch-executor.js';
import type { Pipeline } from './pipeline.entity.js';
import { PipelineExecutor } from './pipeline-executor.js';
import {
  PipelineRunsRepository,
  type RunInput,
  type RunRow,
  type RunStatus,
} from './pipeline-runs.repository.js';
import { PipelineWorker } from './pipeline-worker.js';
import {
  type CreatePipelineRequest,
  PipelineResponse,
  PipelineRunResponse,
  type PipelineStepRequest,
  RunPipelineResponse,
  type UpdatePipelineRequest,
} from './pipelines.dto.js';
import { type PipelineFields, PipelinesRepository } from './pipelines.repository.js';
import { categoryOf, type Step, stepFaults } from './step-schemas.js';

/** Runs of one tenant that wait or run at the same time; further ones are refused. */
const MAX_OPEN = 100;
/** Inputs of a batch that is run within the request. */
const MAX_NOW = 1000;

/** @throws AppError 422 that names each wrong parameter */
function checked(steps: readonly PipelineStepRequest[]): Step[] {
  const made = steps.map(({ name, parameters = {} }) => ({ name, parameters }));
  const faults = stepFaults(made);
  if (faults.length) throw invalid(faults);
  return made;
}

/** Pipelines of steps, and their runs. */
@Injectable()
export class PipelinesService {
  constructor(
    private readonly database: Database,
    private readonly pipelines: PipelinesRepository,
    private readonly runs: PipelineRunsRepository,
    private readonly executor: PipelineExecutor,
    private readonly batches: BatchExecutor,
    private readonly worker: PipelineWorker,
    private readonly meter: UsageMeter,
    private readonly journal: Journal,
    private readonly channels: Channels,
  ) {}

  list(tenantId: string, request: PageRequest, category?: string): Promise<Page<PipelineResponse>> {
    return this.database.tenant(tenantId, async (tx) =>
      (await this.pipelines.page(tx, tenantId, request, category)).map((row) => PipelineResponse.from(row)),
    );
  }

  async get(tenantId: string, id: string): Promise<PipelineResponse> {
    return PipelineResponse.from(await this.database.tenant(tenantId, (tx) => this.find(tx, tenantId, id)));
  }

  /** @throws AppError 409 NAME_TAKEN, 422 for wrong parameters */
  create(tenantId: string, request: CreatePipelineRequest): Promise<PipelineResponse> {
    const { name, type } = request;
    const steps = checked(request.steps);
    const fields: PipelineFields = { name, type, steps, category: categoryOf(type, steps) };
    return this.write(tenantId, 'created', name, (tx) => this.pipelines.insert(tx, tenantId, fields));
  }

  /** @throws AppError 404, 409 NAME_TAKEN, 422 for wrong parameters */
  update(tenantId: string, id: string, change: UpdatePipelineRequest): Promise<PipelineResponse> {
    const sent = change.steps ? checked(change.steps) : undefined;
    return this.write(tenantId, 'updated', change.name ?? '', async (tx) => {
      const before = await this.find(tx, tenantId, id, true);
      const { name = before.name, type = before.type } = change;
      const steps = sent ?? before.steps;
      return this.pipelines.update(tx, tenantId, id, {
        name,
        type,
        steps,
        category: categoryOf(type, steps),
      });
    });
  }

  /** Its runs go with it. */
  async delete(tenantId: string, id: string): Promise<void> {
    await this.database.tenant(tenantId, async (tx) => {
      const row = await this.find(tx, tenantId, id, true);
      await this.pipelines.delete(tx, tenantId, id);
      await this.note(tx, tenantId, 'deleted', row);
    });
  }

  /** Runs it within the request. A step that fails is no error of the request: the answer says why. */
  async run(tenantId: string, id: string, wanted: RunInput): Promise<RunPipelineResponse> {
    const { steps } = await this.database.tenant(tenantId, (tx) => this.find(tx, tenantId, id));
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
      await this.find(tx, tenantId, id, true); // deleted meanwhile: 404
      return this.runs.addEnded(tx, tenantId, id, wanted, started, outcome);
    });
    return RunPipelineResponse.from(row);
  }

  /** Leaves it to the queue. @throws AppError 409 TOO_MANY_RUNS, 503 when Dask is asked for and away */
  async enqueue(tenantId: string, id: string, wanted: RunInput): Promise<RunPipelineResponse> {
    const { steps } = await this.database.tenant(tenantId, (tx) => this.find(tx, tenantId, id));
    if (wanted.inputs) await this.batches.checkTarget(tenantId, steps, wanted.target);
    return this.database.tenant(tenantId, async (tx) => {
      await this.find(tx, tenantId, id, true);
      if ((await this.runs.countOpen(tx, tenantId)) >= MAX_OPEN)
        throw new AppError(409, 'TOO_MANY_RUNS', `${MAX_OPEN} runs of this tenant wait or run already`);
      const row = await this.runs.enqueue(tx, tenantId, id, wanted);
      await this.meter.record(tx, tenantId, 'ai_jobs', 1, row.id);
      await this.worker.wake(tx);
      return RunPipelineResponse.from(row);
    });
  }

  listRuns(
    tenantId: string,
    id: string,
    request: PageRequest,
    status?: RunStatus,
  ): Promise<Page<PipelineRunResponse>> {
    return this.database.tenant(tenantId, async (tx) => {
      await this.find(tx, tenantId, id);
      const page = await this.runs.page(tx, tenantId, id, request, status);
      return page.map((row) => PipelineRunResponse.from(row));
    });
  }

  async getRun(tenantId: string, id: string, runId: string): Promise<PipelineRunResponse> {
    const row = await this.database.tenant(tenantId, (tx) => this.findRun(tx, tenantId, id, runId));
    return PipelineRunResponse.from(row);
  }

  /** One that runs ends shortly after; one that has ended stays as it is. */
  cancel(tenantId: string, id: string, runId: string): Promise<PipelineRunResponse> {
    return this.database.tenant(tenantId, async (tx) => {
      await this.findRun(tx, tenantId, id, runId);
      await this.runs.requestCancel(tx, tenantId, runId);
      await this.worker.announceCancel(tx, runId);
      return PipelineRunResponse.from(await this.findRun(tx, tenantId, id, runId));
    });
  }

  private async find(tx: Transaction, tenantId: string, id: string, lock = false): Promise<Pipeline> {
    const row = await this.pipelines.get(tx, tenantId, id, lock);
    if (!row) throw notFound('Pipeline', id);
    return row;
  }

  private async findRun(tx: Transaction, tenantId: string, id: string, runId: string): Promise<RunRow> {
    const row = await this.runs.get(tx, tenantId, id, runId);
    if (!row) throw notFound('Run', runId);
    return row;
  }

  private async write(
    tenantId: string,
    what: 'created' | 'updated',
    name: string,
    work: (tx: Transaction) => Promise<Pipeline>,
  ): Promise<PipelineResponse> {
    try {
      return await this.database.tenant(tenantId, async (tx) => {
        const row = await work(tx);
        await this.note(tx, tenantId, what, row);
        return PipelineResponse.from(row);
      });
    } catch (e) {
      if (violatedConstraint(e) !== null)
        throw conflict('NAME_TAKEN', `There is a pipeline '${name}' already`);
      throw e;
    }
  }

  private async note(tx: Transaction, tenantId: string, what: string, row: Pipeline): Promise<void> {
    await this.journal.record(tx, {
      tenantId,
      action: `ai.pipeline_${what}`,
      message: `Pipeline '${row.name}' ${what}`,
      object: { type: 'pipeline', id: row.id, name: row.name },
    });
    await this.channels.changed(tx, 'ai', tenantId);
  }
}
