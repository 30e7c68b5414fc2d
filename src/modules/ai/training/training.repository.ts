import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { defined } from '../../../common/defined.js';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { type Transaction } from '../../../platform/database/index.js';
import type { TrainingInfo } from '../core/index.js';
import type { TrainingMetrics, TrainingStatus } from './training.dto.js';
import { TrainingRun } from './training-run.entity.js';

const OPEN = `status IN ('pending', 'running')`;
const NOTHING_YET = {
  pool_id: null,
  data: null,
  stage: null,
  metrics: null,
  error: null,
  model_version: null,
  started_at: null,
  finished_at: null,
};

@Injectable()
export class TrainingRepository {
  async insert(
    tx: Transaction,
    run: Pick<TrainingRun, 'tenant_id' | 'model_type' | 'trigger' | 'params'> & {
      pool_id: string | null;
      data: TrainingRun['data'];
    },
  ): Promise<TrainingRun> {
    const repository = tx.getRepository(TrainingRun);
    const row = repository.create({ ...NOTHING_YET, ...run, id: newId('training') });
    await repository.insert(row);
    return row;
  }

  get(tx: Transaction, tenantId: string, id: string): Promise<TrainingRun | null> {
    return tx.getRepository(TrainingRun).findOneBy({ tenant_id: tenantId, id });
  }

  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    status?: TrainingStatus,
    modelTypes?: string[],
  ): Promise<Page<TrainingRun>> {
    const [items, total] = await tx.getRepository(TrainingRun).findAndCount({
      where: defined({ tenant_id: tenantId, status, model_type: modelTypes && In(modelTypes) }),
      order: { created_at: 'DESC', id: 'DESC' },
      skip: offsetOf(request),
      take: request.limit,
    });
    return new Page(items, total, request.page, request.limit);
  }

  /** @param tenantId null: of all tenants, in a system transaction */
  async countOpen(tx: Transaction, tenantId: string | null): Promise<number> {
    const [{ n }] = await tx.query(
      `SELECT count(*)::int AS n FROM ai_training_runs WHERE ($1::text IS NULL OR tenant_id = $1) AND ${OPEN}`,
      [tenantId],
    );
    return n;
  }

  /** Asks open runs to stop; those that have not begun are stopped at once. @returns their ids */
  async requestStop(
    tx: Transaction,
    tenantId: string,
    modelTypes: string[] | null,
    id: string | null = null,
  ): Promise<string[]> {
    const [rows] = await tx.query(
      `UPDATE ai_training_runs SET stop_requested = true,
         status = CASE WHEN status = 'pending' THEN 'stopped' ELSE status END,
         state = CASE WHEN status = 'pending' THEN 'done' ELSE state END,
         finished_at = CASE WHEN status = 'pending' THEN clock_timestamp() ELSE finished_at END
       WHERE tenant_id = $1 AND ${OPEN} AND ($2::text[] IS NULL OR model_type = ANY ($2)) AND ($3::text IS NULL OR id = $3)
       RETURNING id`,
      [tenantId, modelTypes, id],
    );
    return rows.map((r: { id: string }) => r.id);
  }

  /** @returns false when it was stopped between being taken from the queue and this */
  async begin(tx: Transaction, id: string): Promise<boolean> {
    const [rows] = await tx.query(
      `UPDATE ai_training_runs SET status = 'running', started_at = coalesce(started_at, clock_timestamp()), error = NULL
       WHERE id = $1 AND state = 'running' RETURNING id`,
      [id],
    );
    return rows.length === 1;
  }

  async progress(tx: Transaction, id: string, percent: number, stage: TrainingInfo): Promise<void> {
    await tx.getRepository(TrainingRun).update({ id, status: 'running' }, { progress: percent, stage });
  }

  async end(
    tx: Transaction,
    id: string,
    end: {
      status: TrainingStatus;
      error?: string | null;
      metrics?: TrainingMetrics | null;
      modelVersion?: number | null;
    },
  ): Promise<void> {
    await tx.query(
      `UPDATE ai_training_runs SET status = $2, error = $3, metrics = $4, model_version = $5, finished_at = clock_timestamp(),
         progress = CASE WHEN $2 = 'completed' THEN 100 ELSE progress END, data = NULL
       WHERE id = $1`,
      [
        id,
        end.status,
        end.error ?? null,
        end.metrics ? JSON.stringify(end.metrics) : null,
        end.modelVersion ?? null,
      ],
    );
  }

  async data(tx: Transaction, id: string): Promise<TrainingRun['data']> {
    const run = await tx
      .getRepository(TrainingRun)
      .findOne({ select: { id: true, data: true }, where: { id } });
    return run?.data ?? null;
  }

  /** When the last training of a tenant's or (with `poolId`) a pool's model ended, or began if it has not ended. */
  async lastFinished(
    tx: Transaction,
    tenantId: string,
    modelType: string,
    poolId: string | null,
  ): Promise<Date | null> {
    const [row] = await tx.query(
      `SELECT max(coalesce(finished_at, created_at)) AS at FROM ai_training_runs
       WHERE tenant_id = $1 AND model_type = $2 AND pool_id IS NOT DISTINCT FROM $3`,
      [tenantId, modelType, poolId],
    );
    return row.at;
  }

  async tenantsWithTraffic(tx: Transaction, since: Date): Promise<string[]> {
    const rows: { tenant_id: string }[] = await tx.query(
      `SELECT DISTINCT tenant_id FROM traffic_minutes JOIN tenants ON tenants.id = tenant_id WHERE minute >= $1`,
      [since],
    );
    return rows.map((r) => r.tenant_id);
  }
}
