import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import { ModelDeployment } from './model-deployment.entity.js';

export type ModelStatus = 'deployed' | 'pulling' | 'unavailable';

const COLUMNS = columnsOf(ModelDeployment);

@Injectable()
export class ModelsRepository {
  async insert(
    tx: Transaction,
    tenantId: string,
    model: Pick<ModelDeployment, 'name' | 'version' | 'runtime' | 'status' | 'reason' | 'config'>,
  ): Promise<ModelDeployment> {
    const repository = tx.getRepository(ModelDeployment);
    const row = repository.create({ ...model, id: newId('model'), tenant_id: tenantId, progress: null });
    await repository.insert(row);
    return row;
  }

  list(tx: Transaction, tenantId: string): Promise<ModelDeployment[]> {
    return tx.getRepository(ModelDeployment).find({ where: { tenant_id: tenantId }, order: { name: 'ASC' } });
  }

  find(tx: Transaction, tenantId: string, idOrName: string): Promise<ModelDeployment | null> {
    return tx.getRepository(ModelDeployment).findOneBy([
      { tenant_id: tenantId, id: idOrName },
      { tenant_id: tenantId, name: idOrName },
    ]);
  }

  async update(
    tx: Transaction,
    tenantId: string,
    id: string,
    change: Partial<Pick<ModelDeployment, 'version' | 'status' | 'reason' | 'config' | 'progress'>>,
  ): Promise<ModelDeployment | null> {
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
  async takeOrphanedPulls(tx: Transaction, seconds: number): Promise<ModelDeployment[]> {
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
    await tx.getRepository(ModelDeployment).delete({ tenant_id: tenantId, id });
  }
}
