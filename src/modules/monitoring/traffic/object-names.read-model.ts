import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import type { AnalyticsKey } from './analytics.dto.js';

const NAMES: Record<AnalyticsKey, string> = {
  tenant: `SELECT id, name FROM tenants`,
  pool: `SELECT id, name FROM pools`,
  backend: `SELECT id, address AS name FROM backends`,
  route: `SELECT id, host || path_prefix AS name FROM routes`,
};

/** What people call the objects behind ids. Those that are gone have no entry. */
@Injectable()
export class ObjectNamesReadModel {
  async of(tx: Transaction, kind: AnalyticsKey, ids: readonly string[]): Promise<Map<string, string>> {
    const rows: { id: string; name: string }[] = await tx.query(`${NAMES[kind]} WHERE id = ANY ($1)`, [ids]);
    return new Map(rows.map((row) => [row.id, row.name]));
  }
}
