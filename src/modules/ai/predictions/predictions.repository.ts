import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import type { Transaction } from '../../../platform/database/index.js';
import type { ModelOutput } from '../models/runtime.js';
import type { HistoryBucket } from './predictions.dto.js';

export interface PredictionRow {
  id: string;
  model: string;
  model_version: string;
  batch_id: string | null;
  output: ModelOutput | null;
  error: string | null;
  confidence: number | null;
  latency_ms: number;
  created_at: Date;
}
export type NewPrediction = Omit<PredictionRow, 'id' | 'created_at'> & { input: unknown };

const COLUMNS = 'id, model, model_version, batch_id, output, error, confidence, latency_ms, created_at';
const KEEP = '30 days';

@Injectable()
export class PredictionsRepository {
  /** Adds many in one statement, in their order. */
  async add(
    tx: Transaction,
    tenantId: string,
    predictions: readonly NewPrediction[],
  ): Promise<PredictionRow[]> {
    const rows = predictions.map((p) => ({ ...p, id: newId('prediction') }));
    return tx.query(
      `INSERT INTO ai_predictions (id, tenant_id, model, model_version, batch_id, input, output, error, confidence, latency_ms)
       SELECT id, $1, model, model_version, batch_id, input, output, error, confidence, latency_ms
       FROM jsonb_to_recordset($2) AS r (id text, model text, model_version text, batch_id text, input jsonb, output jsonb,
                                         error text, confidence float8, latency_ms float8)
       RETURNING ${COLUMNS}`,
      [tenantId, JSON.stringify(rows)],
    );
  }

  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    since: Date,
    model?: string,
  ): Promise<Page<PredictionRow>> {
    const where = 'tenant_id = $1 AND created_at >= $2 AND ($3::text IS NULL OR model = $3)';
    const values = [tenantId, since, model ?? null];
    const [{ n }] = await tx.query(`SELECT count(*)::int AS n FROM ai_predictions WHERE ${where}`, values);
    const items = await tx.query(
      `SELECT ${COLUMNS} FROM ai_predictions WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`,
      [...values, request.limit, offsetOf(request)],
    );
    return new Page(items, n, request.page, request.limit);
  }

  async history(
    tx: Transaction,
    tenantId: string,
    since: Date,
    bucketSeconds: number,
  ): Promise<HistoryBucket[]> {
    const rows: (Omit<HistoryBucket, 'timestamp'> & { at: Date })[] = await tx.query(
      `SELECT date_bin(make_interval(secs => $3), created_at, 'epoch') AS at, model, count(*)::int AS predictions,
              count(error)::int AS errors, avg(confidence) AS confidence_avg,
              percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS latency_p50_ms,
              percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS latency_p95_ms
       FROM ai_predictions WHERE tenant_id = $1 AND created_at >= $2 GROUP BY 1, 2 ORDER BY 1, 2`,
      [tenantId, since, bucketSeconds],
    );
    return rows.map(({ at, ...row }) => ({ timestamp: at.toISOString(), ...row }));
  }

  async countMade(tx: Transaction, tenantId: string, model: string): Promise<number> {
    const [{ n }] = await tx.query(
      'SELECT count(*)::int AS n FROM ai_predictions WHERE tenant_id = $1 AND model = $2 AND error IS NULL',
      [tenantId, model],
    );
    return n;
  }

  async prune(tx: Transaction): Promise<void> {
    await tx.query(`DELETE FROM ai_predictions WHERE created_at < clock_timestamp() - interval '${KEEP}'`);
  }
}
