import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import type { Transaction } from '../../../platform/database/index.js';
import type { ModelSettings } from './runtime.js';

export type ModelStatus = 'deployed' | 'pulling' | 'unavailable';
export interface ModelRow {
  id: string;
  tenant_id: string;
  name: string;
  version: string;
  runtime: 'builtin' | 'onnx' | 'ollama';
  status: ModelStatus;
  reason: string | null;
  config: ModelSettings;
  /** Of a pull, 0 to 1. */
  progress: number | null;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS =
  'id, tenant_id, name, version, runtime, status, reason, config, progress, created_at, updated_at';

@Injectable()
export class ModelsRepository {
  async insert(
    tx: Transaction,
    tenantId: string,
    model: Pick<ModelRow, 'name' | 'version' | 'runtime' | 'status' | 'reason' | 'config'>,
  ): Promise<ModelRow> {
    const [row] = await tx.query(
      `INSERT INTO ai_models (id, tenant_id, name, version, runtime, status, reason, config)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`,
      [
        newId('model'),
        tenantId,
        model.name,
        model.version,
        model.runtime,
        model.status,
        model.reason,
        JSON.stringify(model.config),
      ],
    );
    return row;
  }

  list(tx: Transaction, tenantId: string): Promise<ModelRow[]> {
    return tx.query(`SELECT ${COLUMNS} FROM ai_models WHERE tenant_id = $1 ORDER BY name`, [tenantId]);
  }

  async find(tx: Transaction, tenantId: string, idOrName: string): Promise<ModelRow | null> {
    const [row] = await tx.query(
      `SELECT ${COLUMNS} FROM ai_models WHERE tenant_id = $1 AND (id = $2 OR name = $2)`,
      [tenantId, idOrName],
    );
    return row ?? null;
  }

  async update(
    tx: Transaction,
    tenantId: string,
    id: string,
    change: Partial<Pick<ModelRow, 'version' | 'status' | 'reason' | 'config' | 'progress'>>,
  ): Promise<ModelRow | null> {
    const [[row]] = await tx.query(
      `UPDATE ai_models SET version = coalesce($3, version), status = coalesce($4, status),
         reason = CASE WHEN $4::text IS NULL THEN reason ELSE $5 END, config = coalesce($6, config),
         progress = coalesce($7, progress), updated_at = clock_timestamp()
       WHERE tenant_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
      [
        tenantId,
        id,
        change.version ?? null,
        change.status ?? null,
        change.reason ?? null,
        change.config ? JSON.stringify(change.config) : null,
        change.progress ?? null,
      ],
    );
    return row ?? null;
  }

  /** Pulls that no node reports on: each is given to one caller. */
  async takeOrphanedPulls(tx: Transaction, seconds: number): Promise<ModelRow[]> {
    const [rows] = await tx.query(
      `UPDATE ai_models SET updated_at = clock_timestamp()
       WHERE id IN (SELECT id FROM ai_models
                    WHERE status = 'pulling' AND updated_at < clock_timestamp() - make_interval(secs => $1)
                    FOR UPDATE SKIP LOCKED)
       RETURNING ${COLUMNS}`,
      [seconds],
    );
    return rows;
  }

  async delete(tx: Transaction, tenantId: string, id: string): Promise<void> {
    await tx.query('DELETE FROM ai_models WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
  }
}
