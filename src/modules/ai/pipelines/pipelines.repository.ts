import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import type { Transaction } from '../../../platform/database/index.js';
import type { Step } from './step-schemas.js';

export interface PipelineRow {
  id: string;
  name: string;
  type: string;
  category: string;
  steps: Step[];
  version: number;
  created_at: Date;
  updated_at: Date;
}
export type PipelineFields = Pick<PipelineRow, 'name' | 'type' | 'category' | 'steps'>;

const COLUMNS = 'id, name, type, category, steps, version, created_at, updated_at';
const valuesOf = (p: PipelineFields) => [p.name, p.type, p.category, JSON.stringify(p.steps)];

@Injectable()
export class PipelinesRepository {
  async insert(tx: Transaction, tenantId: string, pipeline: PipelineFields): Promise<PipelineRow> {
    const [row] = await tx.query(
      `INSERT INTO ai_pipelines (tenant_id, id, name, type, category, steps) VALUES ($1, $2, $3, $4, $5, $6)
       RETURNING ${COLUMNS}`,
      [tenantId, newId('pipeline'), ...valuesOf(pipeline)],
    );
    return row;
  }

  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    category?: string,
  ): Promise<Page<PipelineRow>> {
    const where = 'tenant_id = $1 AND ($2::text IS NULL OR category = $2)';
    const values = [tenantId, category ?? null];
    const [{ n }] = await tx.query(`SELECT count(*)::int AS n FROM ai_pipelines WHERE ${where}`, values);
    const items = await tx.query(
      `SELECT ${COLUMNS} FROM ai_pipelines WHERE ${where} ORDER BY name LIMIT $3 OFFSET $4`,
      [...values, request.limit, offsetOf(request)],
    );
    return new Page(items, n, request.page, request.limit);
  }

  async get(tx: Transaction, tenantId: string, id: string, lock = false): Promise<PipelineRow | null> {
    const [row] = await tx.query(
      `SELECT ${COLUMNS} FROM ai_pipelines WHERE tenant_id = $1 AND id = $2${lock ? ' FOR UPDATE' : ''}`,
      [tenantId, id],
    );
    return row ?? null;
  }

  async update(
    tx: Transaction,
    tenantId: string,
    id: string,
    pipeline: PipelineFields,
  ): Promise<PipelineRow> {
    const [[row]] = await tx.query(
      `UPDATE ai_pipelines SET name = $3, type = $4, category = $5, steps = $6, version = version + 1,
         updated_at = clock_timestamp()
       WHERE tenant_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
      [tenantId, id, ...valuesOf(pipeline)],
    );
    return row;
  }

  async delete(tx: Transaction, tenantId: string, id: string): Promise<void> {
    await tx.query('DELETE FROM ai_pipelines WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
  }
}
