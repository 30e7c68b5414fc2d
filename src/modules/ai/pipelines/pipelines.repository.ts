import { Injectable } from '@nestjs/common';
import { defined } from '../../../common/defined.js';
import { notFound } from '../../../common/errors.js';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import { Pipeline } from './pipeline.entity.js';

export type PipelineFields = Pick<Pipeline, 'name' | 'type' | 'category' | 'steps'>;

@Injectable()
export class PipelinesRepository {
  async insert(tx: Transaction, tenantId: string, pipeline: PipelineFields): Promise<Pipeline> {
    const repository = tx.getRepository(Pipeline);
    const row = repository.create({ ...pipeline, tenant_id: tenantId, id: newId('pipeline') });
    await repository.insert(row);
    return row;
  }

  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    category?: string,
  ): Promise<Page<Pipeline>> {
    const [items, total] = await tx.getRepository(Pipeline).findAndCount({
      where: defined({ tenant_id: tenantId, category }),
      order: { name: 'ASC' },
      skip: offsetOf(request),
      take: request.limit,
    });
    return new Page(items, total, request.page, request.limit);
  }

  /** @throws AppError 404 */
  async get(tx: Transaction, tenantId: string, id: string, lock = false): Promise<Pipeline> {
    const row = await tx.getRepository(Pipeline).findOne({
      where: { tenant_id: tenantId, id },
      ...(lock && { lock: { mode: 'pessimistic_write' } }),
    });
    if (!row) throw notFound('Pipeline', id);
    return row;
  }

  async update(tx: Transaction, tenantId: string, id: string, pipeline: PipelineFields): Promise<Pipeline> {
    const [[row]] = await tx.query(
      `UPDATE ai_pipelines SET name = $3, type = $4, category = $5, steps = $6, version = version + 1,
         updated_at = clock_timestamp()
       WHERE tenant_id = $1 AND id = $2 RETURNING ${columnsOf(Pipeline)}`,
      [tenantId, id, pipeline.name, pipeline.type, pipeline.category, JSON.stringify(pipeline.steps)],
    );
    return row;
  }

  async delete(tx: Transaction, tenantId: string, id: string): Promise<void> {
    await tx.getRepository(Pipeline).delete({ tenant_id: tenantId, id });
  }
}
