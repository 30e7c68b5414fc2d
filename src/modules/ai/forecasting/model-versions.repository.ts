import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import { ModelVersion } from './model-version.entity.js';

/** A version, without the model itself. */
export type VersionOf<Card> = Omit<ModelVersion<never, Card>, 'tenant_id' | 'model_data'>;
/** A version with the model. */
export type TrainedModel<Model, Card = unknown> = Omit<ModelVersion<Model, Card>, 'tenant_id'>;

/** In place of a pool: a model of a series that came with a request, which says nothing of the tenant's traffic. */
export const GIVEN_SERIES = 'series';

const WITHOUT_DATA = columnsOf(ModelVersion);

@Injectable()
export class ModelVersionsRepository {
  async served<M, C>(
    tx: Transaction,
    tenantId: string,
    model: string,
    poolId = '',
  ): Promise<TrainedModel<M, C> | null> {
    const [row] = await tx.query(
      `SELECT ${WITHOUT_DATA}, model_data FROM ai_model_versions
       WHERE tenant_id = $1 AND model = $2 AND pool_id = $3 AND served`,
      [tenantId, model, poolId],
    );
    return row ?? null;
  }

  /** The card of what is served, without the model itself, which may be megabytes. */
  async servedCard<C>(
    tx: Transaction,
    tenantId: string,
    model: string,
    poolId = '',
  ): Promise<VersionOf<C> | null> {
    const conditions = { tenant_id: tenantId, model, pool_id: poolId, served: true };
    return (await tx.getRepository(ModelVersion).findOneBy(conditions)) as VersionOf<C> | null;
  }

  async list<C>(tx: Transaction, tenantId: string): Promise<VersionOf<C>[]> {
    const rows = await tx.getRepository(ModelVersion).find({
      where: { tenant_id: tenantId },
      order: { model: 'ASC', pool_id: 'ASC', version: 'DESC' },
    });
    return rows as VersionOf<C>[];
  }

  /** Of every pool and kind of data, newest first. */
  async page<C>(
    tx: Transaction,
    tenantId: string,
    model: string,
    request: PageRequest,
  ): Promise<Page<VersionOf<C>>> {
    const [items, total] = await tx.getRepository(ModelVersion).findAndCount({
      where: { tenant_id: tenantId, model },
      order: { created_at: 'DESC', id: 'DESC' },
      skip: offsetOf(request),
      take: request.limit,
    });
    return new Page(items as VersionOf<C>[], total, request.page, request.limit);
  }

  /** Makes it the one of its pool and kind of data that answers. @returns null when it does not exist */
  async serve<C>(tx: Transaction, tenantId: string, model: string, id: string): Promise<VersionOf<C> | null> {
    // first the one that answers now: at no time may there be two
    await tx.query(
      `UPDATE ai_model_versions SET served = false WHERE tenant_id = $1 AND model = $2 AND served AND pool_id =
         (SELECT pool_id FROM ai_model_versions WHERE tenant_id = $1 AND model = $2 AND id = $3)`,
      [tenantId, model, id],
    );
    const [[row]] = await tx.query(
      `UPDATE ai_model_versions SET served = true WHERE tenant_id = $1 AND model = $2 AND id = $3 RETURNING ${WITHOUT_DATA}`,
      [tenantId, model, id],
    );
    return row ?? null;
  }

  /** Adds the next version. @returns its number */
  async add(
    tx: Transaction,
    tenantId: string,
    version: {
      model: string;
      poolId: string;
      data: object;
      card: object;
      trainingId: string;
      serve: boolean;
    },
  ): Promise<number> {
    const key = [tenantId, version.model, version.poolId];
    if (version.serve)
      await tx.query(
        'UPDATE ai_model_versions SET served = false WHERE tenant_id = $1 AND model = $2 AND pool_id = $3 AND served',
        key,
      );
    const [row] = await tx.query(
      `INSERT INTO ai_model_versions (id, tenant_id, model, pool_id, version, served, model_data, card, training_id)
       VALUES ($4, $1, $2, $3, (SELECT coalesce(max(version), 0) + 1 FROM ai_model_versions
                                WHERE tenant_id = $1 AND model = $2 AND pool_id = $3), $5, $6, $7, $8)
       RETURNING version`,
      [
        ...key,
        newId('model'),
        version.serve,
        JSON.stringify(version.data),
        JSON.stringify(version.card),
        version.trainingId,
      ],
    );
    return row.version;
  }

  /** Removes all but the newest `keep` versions and the one that is served. */
  async prune(tx: Transaction, tenantId: string, model: string, poolId: string, keep: number): Promise<void> {
    await tx.query(
      `DELETE FROM ai_model_versions WHERE tenant_id = $1 AND model = $2 AND pool_id = $3 AND NOT served
         AND version <= (SELECT max(version) FROM ai_model_versions WHERE tenant_id = $1 AND model = $2 AND pool_id = $3) - $4`,
      [tenantId, model, poolId, keep],
    );
  }
}
