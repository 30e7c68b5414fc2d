import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { Database, Notifications, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { BackendsReadModel } from '../backends/index.js';
import { CertificatesReadModel } from '../certificates/index.js';
import { PoolsReadModel } from '../pools/index.js';
import { RoutesReadModel } from '../routes/index.js';
import { compileTenant, patchTenant, type TenantRows, type Touched } from './compile.js';
import type { TenantSlice } from './snapshot.js';

/** Notification that makes every node look for changes. */
export const RELOAD = 'configuration.reload';

/** Changes of which the log is kept; a node that is further behind reads whole tenants. */
const LOGGED_VERSIONS = 1000;
/** With more than this touched, reading the whole tenant is as fast. */
const MOST_TOUCHED = 2000;
/** Types of the journal's objects that say what changed; one of another type may change anything of the tenant. */
const PARTS = ['pool', 'backend', 'route'];

/** Routing configuration as of `version`. */
export interface Reading {
  version: number;
  /** Tenants that were read; a tenant whose slice is empty has no routing any more. */
  tenants: Map<string, TenantSlice>;
}

interface Known {
  version: number;
  slice: TenantSlice;
}

/**
 * Reads routing configuration out of the database, consistent as of one version. Of a tenant that was read before only
 * what changed since is read again.
 */
@Injectable()
export class SnapshotSource implements OnModuleInit {
  /** A tenant with fewer pools and routes than this is read as a whole: that takes fewer round trips. */
  wholeBelow = 100;
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly journal: Journal,
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly routes: RoutesReadModel,
    private readonly certificates: CertificatesReadModel,
    private readonly environment: Environment,
  ) {}

  onModuleInit(): void {
    this.journal.onConfigurationChange(async (tx, change) => {
      await tx.query(
        `WITH logged AS (INSERT INTO configuration_change_log (tenant_id, version, ids) VALUES ($1, $2, $3)),
              forgotten AS (DELETE FROM configuration_change_log WHERE version <= $2 - ${LOGGED_VERSIONS})
         INSERT INTO configuration_changes (tenant_id, version) VALUES ($1, $2)
         ON CONFLICT (tenant_id) DO UPDATE SET version = EXCLUDED.version`,
        [change.tenantId, change.version, touchedIds(change.objects)],
      );
    });
  }

  /** Gives every tenant the next version, so that all nodes read everything again. */
  async markAllChanged(): Promise<void> {
    await this.database.system(async (tx) => {
      const [[state]] = await tx.query('UPDATE config_state SET version = version + 1 RETURNING version');
      await tx.query(
        `WITH logged AS (INSERT INTO configuration_change_log (tenant_id, version) SELECT id, $1 FROM tenants)
         INSERT INTO configuration_changes (tenant_id, version) SELECT id, $1 FROM tenants
         ON CONFLICT (tenant_id) DO UPDATE SET version = EXCLUDED.version`,
        [state.version],
      );
      await this.notifications.publish(tx, RELOAD, {});
    });
  }

  /** The tenants that changed after `since`; for 0 every tenant. The version and all rows are of one moment. */
  changedSince(since: number): Promise<Reading> {
    return this.database.systemSnapshot(async (tx) => {
      const [{ version, changed }]: [{ version: number; changed: string[] }] = await tx.query(
        `SELECT version::float8 AS version,
                ARRAY(SELECT tenant_id FROM configuration_changes WHERE version > $1) AS changed FROM config_state`,
        [since],
      );
      const tenants = since === 0 ? await this.wholeTenants(tx, null) : new Map<string, TenantSlice>();
      const whole: string[] = [];
      for (const id of since === 0 ? [] : changed) {
        const slice = await this.patched(tx, id, version);
        if (slice) tenants.set(id, slice);
        else whole.push(id);
      }
      if (whole.length) for (const [id, slice] of await this.wholeTenants(tx, whole)) tenants.set(id, slice);
      this.remember(tenants, version);
      return { version, tenants };
    });
  }

  private async wholeTenants(tx: Transaction, tenantIds: string[] | null): Promise<Map<string, TenantSlice>> {
    const pools = await this.pools.ofTenants(tx, tenantIds);
    const backends = await this.backends.sources(tx, tenantIds);
    const routes = await this.routes.served(tx, tenantIds);
    const certificates = await this.certificates.served(tx, tenantIds);
    const challenges = await this.certificates.challenges(tx, tenantIds);
    const rows = byTenant(tenantIds ?? [], { pools, backends, routes, certificates, challenges });
    return new Map(
      [...rows].map(([id, tenant]) => [
        id,
        compileTenant(id, tenant, this.environment.ALLOW_PRIVATE_BACKENDS),
      ]),
    );
  }

  /** The tenant's slice, made from the one that was read last; null when all of it must be read. */
  private async patched(tx: Transaction, tenantId: string, version: number): Promise<TenantSlice | null> {
    const known = this.known.get(tenantId);
    if (!known || this.isSmall(known.slice) || known.version <= version - LOGGED_VERSIONS) return null;
    const log: { ids: string[] | null }[] = await tx.query(
      'SELECT ids FROM configuration_change_log WHERE tenant_id = $1 AND version > $2',
      [tenantId, known.version],
    );
    const ids = new Set<string>();
    for (const entry of log) {
      if (!entry.ids) return null;
      for (const id of entry.ids) ids.add(id);
    }
    if (ids.size > MOST_TOUCHED) return null;
    const touched = await this.touchedBy(tx, known.slice, ids);
    const poolIds = [...touched.pools];
    const rows = {
      pools: poolIds.length ? await this.pools.byIds(tx, tenantId, poolIds) : [],
      backends: poolIds.length ? await this.backends.sourcesOf(tx, tenantId, poolIds) : [],
      routes: touched.routes.size ? await this.routes.servedByIds(tx, tenantId, [...touched.routes]) : [],
      certificates: touched.routes.size ? await this.certificates.served(tx, [tenantId]) : [],
      challenges: touched.routes.size ? await this.certificates.challenges(tx, [tenantId]) : [],
    };
    return patchTenant(known.slice, touched, rows, this.environment.ALLOW_PRIVATE_BACKENDS);
  }

  /** A backend touches the pool that it is in and the one that it was in. */
  private async touchedBy(tx: Transaction, slice: TenantSlice, ids: ReadonlySet<string>): Promise<Touched> {
    const of = (type: string) => [...ids].filter((id) => id.startsWith(`${type}_`));
    const backends = of('backend');
    const pools = new Set(of('pool'));
    if (backends.length) {
      for (const id of await this.backends.poolsOf(tx, slice.tenantId, backends)) pools.add(id);
      for (const pool of slice.pools) if (pool.backends.some(({ id }) => ids.has(id))) pools.add(pool.id);
    }
    return { pools, routes: new Set(of('route')) };
  }

  private isSmall({ pools, routes }: TenantSlice): boolean {
    return pools.length + routes.length < this.wholeBelow;
  }

  private remember(tenants: ReadonlyMap<string, TenantSlice>, version: number): void {
    for (const [id, slice] of tenants)
      if (slice.pools.length || slice.routes.length) this.known.set(id, { version, slice });
      else this.known.delete(id);
  }
}

/** Null when something else than pools, backends and routes was at work. */
function touchedIds(objects: readonly { type: string; id: string }[]): string[] | null {
  const parts = objects.filter(({ type }) => type !== 'configuration');
  if (parts.length > MOST_TOUCHED || parts.some(({ type }) => !PARTS.includes(type))) return null;
  return [...new Set(parts.map(({ id }) => id))];
}

function byTenant(tenantIds: readonly string[], rows: TenantRows) {
  const groups = new Map<string, { [K in keyof TenantRows]: TenantRows[K][number][] }>();
  const group = (id: string) => {
    let found = groups.get(id);
    if (!found) {
      found = { pools: [], backends: [], routes: [], certificates: [], challenges: [] };
      groups.set(id, found);
    }
    return found;
  };
  for (const id of tenantIds) group(id);
  for (const row of rows.pools) group(row.tenant_id).pools.push(row);
  for (const row of rows.backends) group(row.tenant_id).backends.push(row);
  for (const row of rows.routes) group(row.tenant_id).routes.push(row);
  for (const row of rows.certificates) group(row.tenant_id).certificates.push(row);
  for (const row of rows.challenges) group(row.tenant_id).challenges.push(row);
  return groups;
}
