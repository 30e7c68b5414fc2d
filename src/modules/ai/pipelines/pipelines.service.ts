import { Injectable } from '@nestjs/common';
import { conflict, invalid } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database, type Transaction, violatedConstraint } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import type { Pipeline } from './pipeline.entity.js';
import {
  type CreatePipelineRequest,
  PipelineResponse,
  type PipelineStepRequest,
  type UpdatePipelineRequest,
} from './pipelines.dto.js';
import { type PipelineFields, PipelinesRepository } from './pipelines.repository.js';
import { categoryOf, type Step, stepFaults } from './step-schemas.js';

/** @throws AppError 422 that names each wrong parameter */
function checked(steps: readonly PipelineStepRequest[]): Step[] {
  const made = steps.map(({ name, parameters = {} }) => ({ name, parameters }));
  const faults = stepFaults(made);
  if (faults.length) throw invalid(faults);
  return made;
}

/** Pipelines of steps, as tenants define them; {@link PipelineRunsService} runs them. */
@Injectable()
export class PipelinesService {
  constructor(
    private readonly database: Database,
    private readonly pipelines: PipelinesRepository,
    private readonly journal: Journal,
    private readonly channels: Channels,
  ) {}

  list(tenantId: string, request: PageRequest, category?: string): Promise<Page<PipelineResponse>> {
    return this.database.tenant(tenantId, async (tx) =>
      (await this.pipelines.page(tx, tenantId, request, category)).map((row) => PipelineResponse.from(row)),
    );
  }

  async get(tenantId: string, id: string): Promise<PipelineResponse> {
    return PipelineResponse.from(
      await this.database.tenant(tenantId, (tx) => this.pipelines.get(tx, tenantId, id)),
    );
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
      const before = await this.pipelines.get(tx, tenantId, id, true);
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
      const row = await this.pipelines.get(tx, tenantId, id, true);
      await this.pipelines.delete(tx, tenantId, id);
      await this.note(tx, tenantId, 'deleted', row);
    });
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
