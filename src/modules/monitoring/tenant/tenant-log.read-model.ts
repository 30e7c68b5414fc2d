import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import type { LogLevel } from '../../../platform/observability/index.js';

export interface TenantLogFilter {
  level?: LogLevel;
  component?: string;
  /** Text that the message contains, in any case. */
  q?: string;
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
  route: string | null;
  pool: string | null;
  backend: string | null;
}

/** Counting stops here: a tenant's log may have millions of lines. */
const COUNT_UP_TO = 10_000;

const AUDIT_LEVEL = `upper(level)`;
const ACCESS_LEVEL = `CASE WHEN status >= 500 THEN 'ERROR' WHEN status >= 400 THEN 'WARNING' ELSE 'INFO' END`;

/** One row of either table as a line, under the names that both have. */
const AUDIT = `(
  SELECT tenant_id, at, id, ${AUDIT_LEVEL} AS level,
         upper(coalesce(object_type, split_part(action, '.', 1))) AS component,
         CASE WHEN object_name IS NULL OR position(object_name IN message) > 0 THEN message
              ELSE message || ' (' || object_name || ')' END AS message,
         'audit' AS source, actor_name AS actor, action, address, request_id, id AS tie,
         NULL::text AS route_id, NULL::text AS pool_id, NULL::text AS backend_id
  FROM audit_log) AS lines`;
const ACCESS = `(
  SELECT tenant_id, at, id, ${ACCESS_LEVEL} AS level, 'PROXY' AS component,
         method || ' ' || path || ' ' || status || ' ' || round(latency_ms::numeric, 1) || ' ms' AS message,
         'access' AS source, NULL AS actor, NULL AS action, client_address AS address, request_id, id::text AS tie,
         route_id, pool_id, backend_id
  FROM access_log) AS lines`;
const MATCHES = `tenant_id = $1 AND at >= $2 AND at < $3 AND ($4::text IS NULL OR level = $4)
  AND ($5::text IS NULL OR component = $5) AND ($6::text IS NULL OR message ILIKE $6)`;

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
      `SELECT at, level, component, message, source, actor, action, log.address, request_id,
              r.host || r.path_prefix AS route, p.name AS pool, b.address AS backend
       FROM (SELECT * FROM (
           ${newest(AUDIT)} UNION ALL ${newest(ACCESS)}
         ) AS merged ORDER BY at DESC, source, tie DESC LIMIT $7 OFFSET $8) AS log
         LEFT JOIN routes r ON r.tenant_id = $1 AND r.id = log.route_id
         LEFT JOIN pools p ON p.tenant_id = $1 AND p.id = log.pool_id
         LEFT JOIN backends b ON b.tenant_id = $1 AND b.id = log.backend_id
       ORDER BY at DESC, source, tie DESC`,
      values,
    );
  }

  /** Number of entries, at most {@link COUNT_UP_TO} of each kind. */
  async count(tx: Transaction, tenantId: string, filter: TenantLogFilter): Promise<number> {
    const counted = (lines: string) =>
      `(SELECT count(*) FROM (SELECT 1 FROM ${lines} WHERE ${MATCHES} LIMIT ${COUNT_UP_TO}) AS matching)`;
    const [row] = await tx.query(
      `SELECT (${counted(AUDIT)} + ${counted(ACCESS)})::int AS n`,
      bounds(tenantId, filter),
    );
    return row.n;
  }
}

const LINE = `at, level, component, message, source, actor, action, address, request_id, tie, route_id, pool_id,
  backend_id`;
const newest = (lines: string): string =>
  `(SELECT ${LINE} FROM ${lines} WHERE ${MATCHES} ORDER BY at DESC, id DESC LIMIT $7::int + $8::int)`;

const bounds = (tenantId: string, filter: TenantLogFilter): unknown[] => [
  tenantId,
  filter.from ?? new Date(0),
  filter.to ?? 'infinity',
  filter.level ?? null,
  filter.component ?? null,
  filter.q === undefined ? null : `%${filter.q.replace(/[\\%_]/g, '\\$&')}%`,
];
