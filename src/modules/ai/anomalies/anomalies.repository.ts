import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import { Anomaly, DetectorState } from './anomaly.entity.js';
import type { Metric } from './metrics.js';
import type { Finding, Sample } from './watched-series.js';

/** A series as it was left. */
export type StoredState = Pick<DetectorState, 'minute' | 'detector'>;

/** A finding with what it is about. */
export interface NewAnomaly extends Finding {
  metric: Metric;
  poolId: string | null;
  node: string | null;
}

export interface AnomalyRow extends Omit<Anomaly, 'tenant_id' | 'created_at'> {
  /** Null for a node's, and once the pool is gone. */
  pool: string | null;
}

export interface AnomalyFilter {
  pool?: string;
  metric?: Metric;
  minScore?: number;
  from?: Date;
  to?: Date;
}

/** Whose findings: a tenant's, and the installation's where `system` is set (that takes a system transaction). */
export interface AnomalyScope {
  tenantId: string;
  system: boolean;
}

const COLUMNS = `${columnsOf(Anomaly, 'a')}, p.name AS pool`;
const FROM = 'FROM ai_anomalies a LEFT JOIN pools p ON p.tenant_id = a.tenant_id AND p.id = a.pool_id';
const IN_SCOPE = '(a.tenant_id = $1 OR ($2 AND a.tenant_id IS NULL))';
const MATCHES = `${IN_SCOPE} AND ($3::text IS NULL OR p.name = $3) AND ($4::text IS NULL OR a.metric = $4)
  AND a.score >= $5 AND ($6::timestamptz IS NULL OR a.at >= $6) AND ($7::timestamptz IS NULL OR a.at < $7)`;

const KEPT = '90 days';
/** A series without a minute for so long is forgotten. */
const FORGOTTEN = '2 days';

@Injectable()
export class AnomaliesRepository {
  /** Newest first. */
  async page(
    tx: Transaction,
    scope: AnomalyScope,
    filter: AnomalyFilter,
    request: PageRequest,
  ): Promise<Page<AnomalyRow>> {
    const { pool, metric, minScore, from, to } = filter;
    const values = [
      scope.tenantId,
      scope.system,
      pool ?? null,
      metric ?? null,
      minScore ?? 0,
      from ?? null,
      to ?? null,
    ];
    const [{ n }] = await tx.query(`SELECT count(*)::int AS n ${FROM} WHERE ${MATCHES}`, values);
    const items = await tx.query(
      `SELECT ${COLUMNS} ${FROM} WHERE ${MATCHES} ORDER BY a.at DESC, a.id DESC LIMIT $8 OFFSET $9`,
      [...values, request.limit, offsetOf(request)],
    );
    return new Page(items, n, request.page, request.limit);
  }

  async get(tx: Transaction, scope: AnomalyScope, id: string): Promise<AnomalyRow | null> {
    const [row] = await tx.query(`SELECT ${COLUMNS} ${FROM} WHERE ${IN_SCOPE} AND a.id = $3`, [
      scope.tenantId,
      scope.system,
      id,
    ]);
    return row ?? null;
  }

  /** @param tenantId null: the installation's own series */
  async states(tx: Transaction, tenantId: string | null): Promise<Map<string, StoredState>> {
    const rows = await tx.getRepository(DetectorState).findBy({ tenant_id: tenantId ?? '' });
    return new Map(rows.map(({ series, minute, detector }) => [series, { minute, detector }]));
  }

  async saveStates(
    tx: Transaction,
    tenantId: string | null,
    states: ReadonlyMap<string, StoredState>,
  ): Promise<void> {
    const rows = [...states].map(([series, state]) => ({ series, ...state }));
    if (!rows.length) return;
    await tx.query(
      `INSERT INTO ai_detector_states (tenant_id, series, minute, detector)
       SELECT $1, series, minute, detector FROM jsonb_to_recordset($2) AS r (series text, minute timestamptz, detector jsonb)
       ON CONFLICT (tenant_id, series) DO UPDATE SET minute = EXCLUDED.minute, detector = EXCLUDED.detector`,
      [tenantId ?? '', JSON.stringify(rows)],
    );
  }

  async deleteStates(tx: Transaction, tenantId: string | null, series: readonly string[]): Promise<void> {
    if (!series.length) return;
    await tx.query('DELETE FROM ai_detector_states WHERE tenant_id = $1 AND series = ANY ($2)', [
      tenantId ?? '',
      series,
    ]);
  }

  async add(tx: Transaction, tenantId: string | null, found: readonly NewAnomaly[]): Promise<void> {
    if (!found.length) return;
    const rows = found.map(({ poolId, at, ...rest }) => ({ ...rest, pool_id: poolId, at: new Date(at) }));
    await tx.query(
      `INSERT INTO ai_anomalies (id, tenant_id, pool_id, node, metric, at, score, value, expected, lower, upper, around)
       SELECT id, $1, pool_id, node, metric, at, score, value, expected, lower, upper, around
       FROM jsonb_to_recordset($2) AS r (id text, pool_id text, node text, metric text, at timestamptz, score float8,
         value float8, expected float8, lower float8, upper float8, around jsonb)`,
      [tenantId, JSON.stringify(rows)],
    );
  }

  /** Adds the minutes that came after findings. */
  async follow(tx: Transaction, after: ReadonlyMap<string, readonly Sample[]>): Promise<void> {
    if (!after.size) return;
    const rows = [...after].map(([id, samples]) => ({ id, samples }));
    await tx.query(
      `UPDATE ai_anomalies a SET around = a.around || r.samples
       FROM jsonb_to_recordset($1) AS r (id text, samples jsonb) WHERE a.id = r.id`,
      [JSON.stringify(rows)],
    );
  }

  async end(tx: Transaction, ended: ReadonlyMap<string, number>): Promise<void> {
    if (!ended.size) return;
    const rows = [...ended].map(([id, at]) => ({ id, at: new Date(at) }));
    await tx.query(
      `UPDATE ai_anomalies a SET ended_at = r.at FROM jsonb_to_recordset($1) AS r (id text, at timestamptz) WHERE a.id = r.id`,
      [JSON.stringify(rows)],
    );
  }

  /** The newest findings that last. @param scope.tenantId null: of all tenants */
  async lasting(tx: Transaction, tenantId: string | null, limit: number): Promise<AnomalyRow[]> {
    return tx.query(
      `SELECT ${COLUMNS} ${FROM} WHERE ($1::text IS NULL OR a.tenant_id = $1) AND a.ended_at IS NULL
       ORDER BY a.at DESC, a.id DESC LIMIT $2`,
      [tenantId, limit],
    );
  }

  /** Series that no minute came for; takes a system transaction. Their tenant is '' for the installation. */
  forgotten(tx: Transaction): Promise<{ tenant_id: string; series: string }[]> {
    return tx.query(
      `SELECT tenant_id, series FROM ai_detector_states WHERE minute < clock_timestamp() - interval '${FORGOTTEN}'`,
    );
  }

  async prune(tx: Transaction): Promise<void> {
    await tx.query(`DELETE FROM ai_anomalies WHERE at < clock_timestamp() - interval '${KEPT}'`);
  }
}
