import { Injectable } from '@nestjs/common';
import { IsNull, MoreThanOrEqual } from 'typeorm';
import { defined } from '../../../common/defined.js';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import { Prediction } from './prediction.entity.js';
import type { HistoryBucket } from './predictions.dto.js';

/** A prediction without what was asked. */
export type PredictionRow = Omit<Prediction, 'input'>;
export type NewPrediction = Omit<Prediction, 'id' | 'tenant_id' | 'created_at'>;

const COLUMNS = columnsOf(Prediction);
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
    const [items, total] = await tx.getRepository(Prediction).findAndCount({
      where: { tenant_id: tenantId, created_at: MoreThanOrEqual(since), ...defined({ model }) },
      order: { created_at: 'DESC', id: 'DESC' },
      skip: offsetOf(request),
      take: request.limit,
    });
    return new Page(items, total, request.page, request.limit);
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

  countMade(tx: Transaction, tenantId: string, model: string): Promise<number> {
    return tx.getRepository(Prediction).countBy({ tenant_id: tenantId, model, error: IsNull() });
  }

  async prune(tx: Transaction): Promise<void> {
    await tx.query(`DELETE FROM ai_predictions WHERE created_at < clock_timestamp() - interval '${KEEP}'`);
  }
}
