import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';
import type { ConfigDocument } from './document.dto.js';

export interface VersionRow {
  version: number;
  created_at: Date;
  actor_id: string | null;
  actor_name: string;
  summary: string;
}
export type NewVersion = Omit<VersionRow, 'created_at'> & { tenantId: string; document: ConfigDocument };

const COLUMNS = 'version::float8 AS version, created_at, actor_id, actor_name, summary';

@Injectable()
export class ConfigVersionsRepository {
  /** Does nothing for a tenant that is gone by now. */
  async insert(tx: Transaction, version: NewVersion): Promise<void> {
    const { tenantId, version: number, actor_id, actor_name, summary, document } = version;
    await tx.query(
      `INSERT INTO config_versions (tenant_id, version, actor_id, actor_name, summary, document)
       SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT 1 FROM tenants WHERE id = $1)`,
      [tenantId, number, actor_id, actor_name, summary, JSON.stringify(document)],
    );
  }

  async page(tx: Transaction, tenantId: string, request: PageRequest): Promise<Page<VersionRow>> {
    const rows = await tx.query(
      `SELECT ${COLUMNS} FROM config_versions v WHERE tenant_id = $1 ORDER BY v.version DESC LIMIT $2 OFFSET $3`,
      [tenantId, request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM config_versions WHERE tenant_id = $1', [
      tenantId,
    ]);
    return new Page(rows, n, request.page, request.limit);
  }

  async get(
    tx: Transaction,
    tenantId: string,
    version: number,
  ): Promise<(VersionRow & { document: ConfigDocument }) | null> {
    const [row] = await tx.query(
      `SELECT ${COLUMNS}, document FROM config_versions WHERE tenant_id = $1 AND version = $2`,
      [tenantId, version],
    );
    return row ?? null;
  }

  /** The number that a change of this tenant got last; null before the first. */
  async newest(tx: Transaction, tenantId: string): Promise<number | null> {
    const [row] = await tx.query(
      'SELECT max(version)::float8 AS version FROM config_versions WHERE tenant_id = $1',
      [tenantId],
    );
    return row.version;
  }

  /** Removes what is older than the newest `keep` versions of each tenant. */
  async prune(tx: Transaction, keep: number): Promise<void> {
    await tx.query(
      `DELETE FROM config_versions v USING (
         SELECT tenant_id, version, row_number() OVER (PARTITION BY tenant_id ORDER BY version DESC) AS age
         FROM config_versions) old
       WHERE old.age > $1 AND v.tenant_id = old.tenant_id AND v.version = old.version`,
      [keep],
    );
  }
}
