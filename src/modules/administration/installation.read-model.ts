import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

export interface InstallationCounts {
  tenants: number;
  suspended_tenants: number;
  users: number;
  superadmins: number;
  pools: number;
  backends: number;
  routes: number;
  open_sessions: number;
  audit_entries: number;
  config_version: number;
  database_bytes: number;
}

/** How much there is of everything. Takes a system transaction. */
@Injectable()
export class InstallationReadModel {
  async counts(tx: Transaction): Promise<InstallationCounts> {
    const [row] = await tx.query(`
      SELECT (SELECT count(*) FROM tenants)::int AS tenants,
             (SELECT count(*) FROM tenants WHERE status = 'suspended')::int AS suspended_tenants,
             (SELECT count(*) FROM users)::int AS users,
             (SELECT count(*) FROM users WHERE superadmin)::int AS superadmins,
             (SELECT count(*) FROM pools)::int AS pools,
             (SELECT count(*) FROM backends)::int AS backends,
             (SELECT count(*) FROM routes)::int AS routes,
             (SELECT count(*) FROM sessions WHERE ended_at IS NULL AND expires_at > clock_timestamp())::int AS open_sessions,
             (SELECT count(*) FROM audit_log)::int AS audit_entries,
             (SELECT version FROM config_state)::float8 AS config_version,
             pg_database_size(current_database())::float8 AS database_bytes`);
    return row;
  }
}
