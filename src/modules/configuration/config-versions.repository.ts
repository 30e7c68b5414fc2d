import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import type { ConfigDocument } from './document.dto.js';

export interface VersionRow {
  version: number;
  created_at: Date;
  actor_id: string | null;
  actor_name: string;
  summary: string;
}
export interface NewVersion extends Omit<VersionRow, 'version' | 'created_at'> {
  tenantId: string;
  /** Ids of the pools, backends and routes that may have changed; null: any of them. */
  changed: string[] | null;
}
/** A part of the configuration as it was at a version. */
export interface EntryRow {
  kind: 'pool' | 'backend' | 'route';
  id: string;
  entry: Record<string, unknown>;
}

const INSERT = prepared(
  `WITH added AS (
     INSERT INTO config_versions (tenant_id, version, actor_id, actor_name, summary)
     SELECT $1, version, $2, $3, $4 FROM config_state WHERE EXISTS (SELECT 1 FROM tenants WHERE id = $1)
     RETURNING tenant_id, version)
   SELECT record_config_entries(tenant_id, version, $5) FROM added`,
);
const COLUMNS = 'version::float8 AS version, created_at, actor_id, actor_name, summary';

/** Numbered versions, and each part of the configuration with the versions between which it was so. */
@Injectable()
export class ConfigVersionsRepository {
  /**
   * The version that the transaction has taken. Costs by what changed, not by what there is. Does nothing for a tenant that
   * is gone by now.
   */
  async insert(tx: Transaction, version: NewVersion): Promise<void> {
    const { tenantId, actor_id, actor_name, summary, changed } = version;
    await rowsOf(tx, INSERT, tenantId, actor_id, actor_name, summary, changed);
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

  /** `document` is there for a version of before the history was kept by parts. */
  async get(
    tx: Transaction,
    tenantId: string,
    version: number,
  ): Promise<(VersionRow & { document: ConfigDocument | null }) | null> {
    const [row] = await tx.query(
      `SELECT ${COLUMNS}, document FROM config_versions WHERE tenant_id = $1 AND version = $2`,
      [tenantId, version],
    );
    return row ?? null;
  }

  /** All parts of the configuration as of `version`. */
  entriesAt(tx: Transaction, tenantId: string, version: number): Promise<EntryRow[]> {
    return tx.query(
      `SELECT kind, id, entry FROM config_entries
       WHERE tenant_id = $1 AND since <= $2 AND (until IS NULL OR until > $2)`,
      [tenantId, version],
    );
  }

  /** The number that a change of this tenant got last; null before the first. */
  async newest(tx: Transaction, tenantId: string): Promise<number | null> {
    const [row] = await tx.query(
      'SELECT max(version)::float8 AS version FROM config_versions WHERE tenant_id = $1',
      [tenantId],
    );
    return row.version;
  }

  /**
   * Removes what is older than the newest `keep.versions` versions of each tenant, and so many more versions that no
   * tenant has over `keep.pastEntries` entries that are no longer so. The newest version always stays.
   */
  async prune(tx: Transaction, keep: { versions: number; pastEntries: number }): Promise<void> {
    await tx.query(
      `DELETE FROM config_versions v USING (
         SELECT tenant_id, version, row_number() OVER (PARTITION BY tenant_id ORDER BY version DESC) AS age
         FROM config_versions) old
       WHERE old.age > $1 AND v.tenant_id = old.tenant_id AND v.version = old.version`,
      [keep.versions],
    );
    await tx.query(
      `DELETE FROM config_versions v USING (
         SELECT tenant_id, until, row_number() OVER (PARTITION BY tenant_id ORDER BY until DESC) AS age
         FROM config_entries WHERE until IS NOT NULL) past
       WHERE past.age = $1 + 1 AND v.tenant_id = past.tenant_id AND v.version < past.until`,
      [keep.pastEntries],
    );
    await tx.query(
      `DELETE FROM config_entries e USING (
         SELECT tenant_id, min(version) AS oldest FROM config_versions GROUP BY tenant_id) v
       WHERE v.tenant_id = e.tenant_id AND e.until <= v.oldest`,
    );
  }
}
