import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import type { PredictionInput } from '../models/runtime.js';
import type { ItemResult, Target } from './batch-executor.js';
import type { RunOutcome, StepResult } from './pipeline-executor.js';
import { PipelineRun } from './pipeline-run.entity.js';

export const RUN_STATUSES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export interface RunRow extends PipelineRun {
  /** Inputs of a batch. */
  size: number | null;
}

/** Without what may be megabytes. */
const BRIEF = `${columnsOf(PipelineRun)}, jsonb_array_length(inputs) AS size`;
const COLUMNS = `${BRIEF}, results`;
const OPEN = `status IN ('pending', 'running')`;
const KEEP = '30 days';
/** What a run works on: one of the two. */
export interface RunInput {
  input: PredictionInput | null;
  inputs: PredictionInput[] | null;
  target: Target;
}

/** What a run ends with; of a batch also its results and where they were made. */
export type RunEnd = RunOutcome & {
  results?: ItemResult[] | null;
  executor?: 'local' | 'dask';
  executorReason?: string | null;
};

const json = (value: unknown) => (value === null ? null : JSON.stringify(value));

@Injectable()
export class PipelineRunsRepository {
  /** A run that waits for the queue. */
  async enqueue(
    tx: Transaction,
    tenantId: string,
    pipelineId: string,
    { input, inputs, target }: RunInput,
  ): Promise<RunRow> {
    const [row] = await tx.query(
      `INSERT INTO ai_pipeline_runs (id, tenant_id, pipeline_id, async, input, inputs, target)
       VALUES ($1, $2, $3, true, $4, $5, $6) RETURNING ${COLUMNS}`,
      [newId('run'), tenantId, pipelineId, json(input), json(inputs), target],
    );
    return row;
  }

  /** A run that has ended already: those in the request itself are no work of the queue. */
  async addEnded(
    tx: Transaction,
    tenantId: string,
    pipelineId: string,
    { input, inputs, target }: RunInput,
    startedAt: Date,
    outcome: RunEnd,
  ): Promise<RunRow> {
    const { status, output, steps, error } = outcome;
    const [row] = await tx.query(
      `INSERT INTO ai_pipeline_runs (id, tenant_id, pipeline_id, async, input, inputs, target, state, status, output,
         results, steps, error, progress, executor, executor_reason, created_at, started_at, finished_at)
       VALUES ($1, $2, $3, false, $4, $5, $6, 'done', $7, $8, $9, $10, $11, $12, $13, $14, $15, $15,
               clock_timestamp()) RETURNING ${COLUMNS}`,
      [
        newId('run'),
        tenantId,
        pipelineId,
        json(input),
        json(inputs),
        target,
        status,
        json(output),
        json(outcome.results ?? null),
        json(steps),
        error,
        status === 'completed' ? 100 : 0,
        outcome.executor ?? 'local',
        outcome.executorReason ?? null,
        startedAt,
      ],
    );
    return row;
  }

  async get(tx: Transaction, tenantId: string, pipelineId: string, id: string): Promise<RunRow | null> {
    const [row] = await tx.query(
      `SELECT ${COLUMNS} FROM ai_pipeline_runs WHERE tenant_id = $1 AND pipeline_id = $2 AND id = $3`,
      [tenantId, pipelineId, id],
    );
    return row ?? null;
  }

  async page(
    tx: Transaction,
    tenantId: string,
    pipelineId: string,
    request: PageRequest,
    status?: RunStatus,
  ): Promise<Page<RunRow>> {
    const where = 'tenant_id = $1 AND pipeline_id = $2 AND ($3::text IS NULL OR status = $3)';
    const values = [tenantId, pipelineId, status ?? null];
    const [{ n }] = await tx.query(`SELECT count(*)::int AS n FROM ai_pipeline_runs WHERE ${where}`, values);
    const items = await tx.query(
      `SELECT ${BRIEF}, NULL AS results FROM ai_pipeline_runs WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`,
      [...values, request.limit, offsetOf(request)],
    );
    return new Page(items, n, request.page, request.limit);
  }

  countOpen(tx: Transaction, tenantId: string): Promise<number> {
    const status = In(['pending', 'running']);
    return tx.getRepository(PipelineRun).countBy({ tenant_id: tenantId, status });
  }

  /** A run that waits is cancelled at once, one that runs is asked to end. */
  async requestCancel(tx: Transaction, tenantId: string, id: string): Promise<void> {
    await tx.query(
      `UPDATE ai_pipeline_runs SET cancel_requested = true,
         status = CASE WHEN state = 'pending' THEN 'cancelled' ELSE status END,
         finished_at = CASE WHEN state = 'pending' THEN clock_timestamp() ELSE finished_at END,
         state = CASE WHEN state = 'pending' THEN 'done' ELSE state END
       WHERE tenant_id = $1 AND id = $2 AND ${OPEN}`,
      [tenantId, id],
    );
  }

  async begin(tx: Transaction, id: string): Promise<{ cancel_requested: boolean }> {
    const [[row]] = await tx.query(
      `UPDATE ai_pipeline_runs SET status = 'running', started_at = coalesce(started_at, clock_timestamp()), error = NULL
       WHERE id = $1 RETURNING cancel_requested`,
      [id],
    );
    return row;
  }

  /** Waits for its next try. */
  async postpone(tx: Transaction, id: string, reason: string, steps: StepResult[]): Promise<void> {
    await tx.query(`UPDATE ai_pipeline_runs SET status = 'pending', error = $2, steps = $3 WHERE id = $1`, [
      id,
      reason,
      json(steps),
    ]);
  }

  async progress(tx: Transaction, id: string, percent: number, steps: StepResult[]): Promise<void> {
    await tx.query(
      `UPDATE ai_pipeline_runs SET progress = $2, steps = $3 WHERE id = $1 AND status = 'running'`,
      [id, percent, json(steps)],
    );
  }

  async end(tx: Transaction, id: string, outcome: RunEnd): Promise<void> {
    await tx.query(
      `UPDATE ai_pipeline_runs SET status = $2, output = $3, steps = $4, error = $5, finished_at = clock_timestamp(),
         progress = CASE WHEN $2 = 'completed' THEN 100 ELSE progress END, results = $6,
         executor = coalesce($7, executor), executor_reason = $8
       WHERE id = $1`,
      [
        id,
        outcome.status,
        json(outcome.output),
        json(outcome.steps),
        outcome.error,
        json(outcome.results ?? null),
        outcome.executor ?? null,
        outcome.executorReason ?? null,
      ],
    );
  }

  async prune(tx: Transaction): Promise<void> {
    await tx.query(
      `DELETE FROM ai_pipeline_runs WHERE NOT (${OPEN}) AND created_at < clock_timestamp() - interval '${KEEP}'`,
    );
  }
}
