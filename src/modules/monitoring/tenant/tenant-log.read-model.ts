import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import type { LogLevel } from '../../../platform/observability/index.js';

export interface TenantLogFilter {
  level?: LogLevel;
  from?: Date;
  to?: Date;
}

export interface TenantLogRow {
  at: Date;
  level: LogLevel;
  component: string;
  message: string;
  source: 'audit' | 'access';
  actor: string | null;
  action: string | null;
  address: string | null;
  request_id: string | null;
}

/** Counting stops here: a tenant's log may have millions of lines. */
const COUNT_UP_TO = 10_000;

const AUDIT_LEVEL = `upper(level)`;
const ACCESS_LEVEL = `CASE WHEN status >= 500 THEN 'ERROR' WHEN status >= 400 THEN 'WARNING' ELSE 'INFO' END`;

const AUDIT = `
  SELECT at, ${AUDIT_LEVEL} AS level, upper(coalesce(object_type, split_part(action, '.', 1))) AS component,
         CASE WHEN object_name IS NULL OR position(object_name IN message) > 0 THEN message
              ELSE message || ' (' || object_name || ')' END AS message,
         'audit' AS source, actor_name AS actor, action, address, request_id, id AS tie
  FROM audit_log`;
const ACCESS = `
  SELECT at, ${ACCESS_LEVEL} AS level, 'PROXY' AS component,
         method || ' ' || path || ' ' || status || ' ' || round(latency_ms::numeric, 1) || ' ms' AS message,
         'access' AS source, NULL AS actor, NULL AS action, client_address AS address, request_id, id::text AS tie
  FROM access_log`;

/** One tenant's audit log and access log as one list, newest first. */
@Injectable()
export class TenantLogReadModel {
  async page(
    tx: Transaction,
    tenantId: string,
    filter: TenantLogFilter,
    limit: number,
    offset: number,
  ): Promise<TenantLogRow[]> {
    const values = [...bounds(tenantId, filter), limit, offset];
    // each side is cut before they are merged: only the rows of this page are sorted
    return tx.query(
      `SELECT at, level, component, message, source, actor, action, address, request_id FROM (
         (${AUDIT} WHERE ${where(AUDIT_LEVEL)} ORDER BY at DESC, id DESC LIMIT $5::int + $6::int)
         UNION ALL
         (${ACCESS} WHERE ${where(ACCESS_LEVEL)} ORDER BY at DESC, id DESC LIMIT $5::int + $6::int)
       ) AS log ORDER BY at DESC, source, tie DESC LIMIT $5 OFFSET $6`,
      values,
    );
  }

  /** Number of entries, at most {@link COUNT_UP_TO} of each kind. */
  async count(tx: Transaction, tenantId: string, filter: TenantLogFilter): Promise<number> {
    const counted = (table: string, level: string) =>
      `(SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${where(level)} LIMIT ${COUNT_UP_TO}) AS matching)`;
    const [row] = await tx.query(
      `SELECT (${counted('audit_log', AUDIT_LEVEL)} + ${counted('access_log', ACCESS_LEVEL)})::int AS n`,
      bounds(tenantId, filter),
    );
    return row.n;
  }
}

const where = (level: string): string =>
  `tenant_id = $1 AND at >= $2 AND at < $3 AND ($4::text IS NULL OR ${level} = $4)`;

const bounds = (tenantId: string, filter: TenantLogFilter): unknown[] => [
  tenantId,
  filter.from ?? new Date(0),
  filter.to ?? 'infinity',
  filter.level ?? null,
];
