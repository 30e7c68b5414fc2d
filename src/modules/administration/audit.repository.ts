import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';

export interface AuditRow {
  id: string;
  at: Date;
  tenant_id: string | null;
  actor_id: string | null;
  actor_name: string;
  address: string | null;
  request_id: string | null;
  action: string;
  level: string;
  object_type: string | null;
  object_id: string | null;
  object_name: string | null;
  message: string;
  details: Record<string, unknown>;
}

/** Equality and ranges only: under row-level security anything else loses its index (STACK.md §6). */
export interface AuditFilter {
  tenantId?: string;
  /** Id or name. */
  actor?: string;
  action?: string;
  /** Id, name or type. */
  object?: string;
  from?: Date;
  to?: Date;
}

/** A place in the log, for going on after it. */
export interface AuditCursor {
  at: string;
  id: string;
}

const COLUMNS = `id, at, tenant_id, actor_id, actor_name, address, request_id, action, level, object_type, object_id,
  object_name, message, details`;
const MATCHES = `($1::text IS NULL OR tenant_id = $1) AND ($2::text IS NULL OR actor_id = $2 OR actor_name = $2)
  AND ($3::text IS NULL OR action = $3)
  AND ($4::text IS NULL OR object_id = $4 OR object_name = $4 OR object_type = $4)
  AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)`;

const parameters = (f: AuditFilter) => [
  f.tenantId ?? null,
  f.actor ?? null,
  f.action ?? null,
  f.object ?? null,
  f.from ?? null,
  f.to ?? null,
];

/** Reads the audit log, the newest first. */
@Injectable()
export class AuditRepository {
  async page(tx: Transaction, filter: AuditFilter, request: PageRequest): Promise<Page<AuditRow>> {
    const rows = await tx.query(
      `SELECT ${COLUMNS} FROM audit_log WHERE ${MATCHES} ORDER BY at DESC, id DESC LIMIT $7 OFFSET $8`,
      [...parameters(filter), request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query(
      `SELECT count(*)::int AS n FROM audit_log WHERE ${MATCHES}`,
      parameters(filter),
    );
    return new Page(rows, n, request.page, request.limit);
  }

  /** The next rows after a place, the oldest first; with the exact time, which a Date would cut to milliseconds. */
  after(
    tx: Transaction,
    filter: AuditFilter,
    cursor: AuditCursor | null,
    limit: number,
  ): Promise<(AuditRow & { cursor_at: string })[]> {
    return tx.query(
      `SELECT ${COLUMNS}, at::text AS cursor_at FROM audit_log
       WHERE ${MATCHES} AND ($7::timestamptz IS NULL OR (at, id) > ($7::timestamptz, $8))
       ORDER BY at, id LIMIT $9`,
      [...parameters(filter), cursor?.at ?? null, cursor?.id ?? '', limit],
    );
  }
}
