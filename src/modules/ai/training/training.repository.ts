import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import type { Transaction } from '../../../platform/database/index.js';
import type { TrainingInfo } from '../core/index.js';
import type { TrainingMetrics, TrainingStatus } from './training.dto.js';

interface TrainingParams {
  epochs?: number;
}

export interface TrainingRow {
  id: string;
  attempts: number;
  tenant_id: string;
  model_type: string;
  pool_id: string | null;
  trigger: string;
  params: TrainingParams;
  /** What came with the request; only loaded by the worker. */
  data?: { series?: { timestamp: string; value: number }[]; rows?: { text: string; label: string }[] } | null;
  status: TrainingStatus;
  stop_requested: boolean;
  /** Per cent. */
  progress: number;
  stage: TrainingInfo | null;
  metrics: TrainingMetrics | null;
  error: string | null;
  model_version: number | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

const COLUMNS = `id, attempts, tenant_id, model_type, pool_id, trigger, params, status, stop_requested, progress, stage,
  metrics, error, model_version, created_at, started_at, finished_at`;
const OPEN = `status IN ('pending', 'running')`;

@Injectable()
export class TrainingRepository {
  async insert(
    tx: Transaction,
    run: Pick<TrainingRow, 'tenant_id' | 'model_type' | 'trigger' | 'params'> & {
      pool_id?: string | null;
      data?: object | null;
    },
  ): Promise<TrainingRow> {
    const [row] = await tx.query(
      `INSERT INTO ai_training_runs (id, tenant_id, model_type, pool_id, trigger, params, data)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`,
      [
        newId('training'),
        run.tenant_id,
        run.model_type,
        run.pool_id ?? null,
        run.trigger,
        run.params,
        run.data ? JSON.stringify(run.data) : null,
      ],
    );
    return row;
  }

  async get(tx: Transaction, tenantId: string, id: string): Promise<TrainingRow | null> {
    const [row] = await tx.query(`SELECT ${COLUMNS} FROM ai_training_runs WHERE tenant_id = $1 AND id = $2`, [
      tenantId,
      id,
    ]);
    return row ?? null;
  }

  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    status?: string,
    modelType?: string,
  ): Promise<Page<TrainingRow>> {
    const where =
      'tenant_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR model_type = $3)';
    const values = [tenantId, status ?? null, modelType ?? null];
    const [{ n }] = await tx.query(`SELECT count(*)::int AS n FROM ai_training_runs WHERE ${where}`, values);
    const items = await tx.query(
      `SELECT ${COLUMNS} FROM ai_training_runs WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`,
      [...values, request.limit, offsetOf(request)],
    );
    return new Page(items, n, request.page, request.limit);
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

  async begin(tx: Transaction, id: string): Promise<void> {
    await tx.query(
      `UPDATE ai_training_runs SET status = 'running', started_at = coalesce(started_at, clock_timestamp()), error = NULL WHERE id = $1`,
      [id],
    );
  }

  async progress(tx: Transaction, id: string, percent: number, stage: TrainingInfo): Promise<void> {
    await tx.query(
      `UPDATE ai_training_runs SET progress = $2, stage = $3 WHERE id = $1 AND status = 'running'`,
      [id, percent, stage],
    );
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

  async data(tx: Transaction, id: string): Promise<TrainingRow['data']> {
    const [row] = await tx.query('SELECT data FROM ai_training_runs WHERE id = $1', [id]);
    return row?.data ?? null;
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
