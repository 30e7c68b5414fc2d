import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import type { SecurityEvent } from '../../../platform/journal/index.js';

/** First words of the audit log's actions that concern who may do what. */
const KINDS = ['auth', 'user', 'apikey', 'oidc', 'sessions'];

/** Security events of the last day, as the audit log has them. */
@Injectable()
export class SecurityEventsReadModel {
  /** Newest first. @param tenantId null: all that the transaction may see */
  async recent(tx: Transaction, tenantId: string | null, limit: number): Promise<SecurityEvent[]> {
    const rows: (Omit<SecurityEvent, 'at'> & { at: Date })[] = await tx.query(
      `SELECT id, tenant_id AS "tenantId", action, message, level, actor_name AS actor, address, at
       FROM audit_log
       WHERE at > clock_timestamp() - interval '1 day' AND ($1::text IS NULL OR tenant_id = $1)
         AND split_part(action, '.', 1) = ANY ($2)
       ORDER BY at DESC, id DESC LIMIT $3`,
      [tenantId, KINDS, limit],
    );
    return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
  }
}
