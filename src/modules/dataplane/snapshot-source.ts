import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { Database, Notifications } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { BackendsReadModel } from '../backends/index.js';
import { PoolsReadModel } from '../pools/index.js';
import { RoutesReadModel } from '../routes/index.js';
import { compileTenant, type TenantRows } from './compile.js';
import type { TenantSlice } from './snapshot.js';

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
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly routes: RoutesReadModel,
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

  /**
   * The tenants that changed after `since`; for 0 every tenant. One query a table, however many they are. The version
   * and all rows are of one moment, so nothing up to that version is missing.
   */
  changedSince(since: number): Promise<Reading> {
    return this.database.systemSnapshot(async (tx) => {
      const [{ version, changed }]: [{ version: number; changed: string[] }] = await tx.query(
        `SELECT version::float8 AS version,
                ARRAY(SELECT tenant_id FROM configuration_changes WHERE version > $1) AS changed FROM config_state`,
        [since],
      );
      const tenantIds = since === 0 ? null : changed;
      if (tenantIds?.length === 0) return { version, tenants: new Map() };
      const pools = await this.pools.ofTenants(tx, tenantIds);
      const backends = await this.backends.sources(tx, tenantIds);
      const routes = await this.routes.served(tx, tenantIds);
      const rows = byTenant(tenantIds ?? [], { pools, backends, routes });
      return {
        version,
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

function byTenant(tenantIds: readonly string[], rows: TenantRows) {
  const groups = new Map<string, { [K in keyof TenantRows]: TenantRows[K][number][] }>();
  const group = (id: string) => {
    let found = groups.get(id);
    if (!found) {
      found = { pools: [], backends: [], routes: [] };
      groups.set(id, found);
    }
    return found;
  };
  for (const id of tenantIds) group(id);
  for (const row of rows.pools) group(row.tenant_id).pools.push(row);
  for (const row of rows.backends) group(row.tenant_id).backends.push(row);
  for (const row of rows.routes) group(row.tenant_id).routes.push(row);
  return groups;
}
