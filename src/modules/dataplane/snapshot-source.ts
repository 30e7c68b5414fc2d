import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { Database, Notifications, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { compileTenant } from './compile.js';
import type { TenantSlice } from './snapshot.js';
import { TenantRowsReadModel } from './tenant-rows.read-model.js';

/** Notification that makes every node look for changes. */
export const RELOAD = 'configuration.reload';

/** Routing configuration as of `version`. */
export interface Reading {
  version: number;
  /** Tenants that were read; a tenant whose slice is empty has no routing any more. */
  tenants: Map<string, TenantSlice>;
}

/** Reads routing configuration out of the database, consistent as of one version. */
@Injectable()
export class SnapshotSource implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly journal: Journal,
    private readonly rows: TenantRowsReadModel,
    private readonly environment: Environment,
  ) {}

  onModuleInit(): void {
    this.journal.onConfigurationChange(async (tx, change) => {
      await tx.query(
        `INSERT INTO configuration_changes (tenant_id, version) VALUES ($1, $2)
         ON CONFLICT (tenant_id) DO UPDATE SET version = EXCLUDED.version`,
        [change.tenantId, change.version],
      );
    });
  }

  /** The tenants that changed after `version`; for 0 every tenant. One query a table, however many they are. */
  changedSince(version: number): Promise<Reading> {
    if (version === 0) return this.read(async () => null);
    return this.read(async (tx) => {
      const rows: { tenant_id: string }[] = await tx.query(
        'SELECT tenant_id FROM configuration_changes WHERE version > $1',
        [version],
      );
      return rows.map((row) => row.tenant_id);
    });
  }

  /** Gives every tenant the next version, so that all nodes read everything again. */
  async markAllChanged(): Promise<void> {
    await this.database.system(async (tx) => {
      const [[state]] = await tx.query('UPDATE config_state SET version = version + 1 RETURNING version');
      await tx.query(
        `INSERT INTO configuration_changes (tenant_id, version) SELECT id, $1 FROM tenants
         ON CONFLICT (tenant_id) DO UPDATE SET version = EXCLUDED.version`,
        [state.version],
      );
      await this.notifications.publish(tx, RELOAD, {});
    });
  }

  /** REPEATABLE READ: the version and all rows are of one moment, so nothing up to that version is missing. */
  private read(which: (tx: Transaction) => Promise<string[] | null>): Promise<Reading> {
    return this.database.system(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const [state] = await tx.query('SELECT version::float8 AS version FROM config_state');
      const tenantIds = await which(tx);
      if (tenantIds?.length === 0) return { version: state.version, tenants: new Map() };
      const rows = await this.rows.read(tx, tenantIds);
      return {
        version: state.version,
        tenants: new Map(
          [...rows].map(([id, tenant]) => [
            id,
            compileTenant(id, tenant, this.environment.ALLOW_PRIVATE_BACKENDS),
          ]),
        ),
      };
    });
  }
}
