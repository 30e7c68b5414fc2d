import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import {
  Database,
  Notifications,
  prepared,
  rowsOf,
  type Transaction,
  together,
} from '../../platform/database/index.js';
import { type ConfigurationChange, Journal } from '../../platform/journal/index.js';
import { compileTenant, patchTenant, type TenantRows, type Touched } from './compile.js';
import type { TenantSlice } from './snapshot.js';
import { TenantRowsReadModel } from './tenant-rows.read-model.js';

/** Notification that makes every node look for changes. */
export const RELOAD = 'configuration.reload';

/** Changes of which the log is kept; a node that is further behind reads whole tenants. */
const LOGGED_VERSIONS = 1000;
/** With more than this touched, reading the whole tenant is as fast. */
const MOST_TOUCHED = 2000;
/** A reading that may be for nothing has to be small. */
const MOST_GUESSED = 20;
/** Types of the journal's objects that say what changed; one of another type may change anything of the tenant. */
const PARTS = ['pool', 'backend', 'route', 'certificate'];

const LOG_CHANGE = prepared(
  `WITH logged AS (
     INSERT INTO configuration_change_log (tenant_id, version, ids, complete)
     SELECT $1, version, $2, true FROM config_state RETURNING version),
   forgotten AS (
     DELETE FROM configuration_change_log WHERE version <= (SELECT version FROM logged) - ${LOGGED_VERSIONS})
   INSERT INTO configuration_changes (tenant_id, version) SELECT $1, version FROM logged
   ON CONFLICT (tenant_id) DO UPDATE SET version = EXCLUDED.version`,
);

/** Routing configuration as of `version`. */
export interface Reading {
  version: number;
  /** Tenants that were read; a tenant whose slice is empty has no routing any more. */
  tenants: Map<string, TenantSlice>;
}

/** A tenant that changed, null when there is none, with the newest version. */
interface Change {
  version: number;
  tenant_id: string | null;
  /** What is to be read again; null: everything. */
  ids: string[] | null;
}
const CHANGES = prepared(
  `SELECT s.version::float8 AS version, c.tenant_id, CASE WHEN log.complete THEN log.ids END AS ids
   FROM config_state s LEFT JOIN configuration_changes c ON c.version > $1
   LEFT JOIN LATERAL (
     SELECT bool_and(l.complete AND l.ids IS NOT NULL) AS complete, array_agg(DISTINCT i) AS ids
     FROM configuration_change_log l LEFT JOIN unnest(l.ids) i ON true
     WHERE l.tenant_id = c.tenant_id AND l.version > $1) log ON true`,
);

/** What was touched of one tenant, and its rows of that. */
interface Patch {
  readonly tenantId: string;
  readonly ids: ReadonlySet<string>;
  readonly rows: TenantRows;
}

/**
 * Reads routing configuration out of the database, consistent as of one version. Of a tenant that was read before only
 * what changed since is read again.
 */
@Injectable()
export class SnapshotSource implements OnModuleInit {
  /** What was read last of each tenant that has routing. */
  private readonly known = new Map<string, TenantSlice>();
  /** What this node itself is about to commit, by tenant: most probably what the next reading finds. */
  private readonly expected = new Map<string, Set<string>>();

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly journal: Journal,
    private readonly rows: TenantRowsReadModel,
    private readonly environment: Environment,
  ) {}

  onModuleInit(): void {
    this.journal.onConfigurationChange(async (tx, change) => {
      const ids = touchedIds(change);
      if (ids)
        this.expected.set(change.tenantId, new Set([...(this.expected.get(change.tenantId) ?? []), ...ids]));
      await rowsOf(tx, LOG_CHANGE, change.tenantId, ids);
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
      const [changes, guess] = await together(rowsOf<Change>(tx, CHANGES, since), this.guessed(tx));
      const { version } = changes[0]!;
      const tenants =
        since === 0 ? await this.wholeTenants(tx, null) : await this.changed(tx, since, changes, guess);
      this.remember(tenants);
      return { version, tenants };
    });
  }

  private async changed(
    tx: Transaction,
    since: number,
    changes: readonly Change[],
    guess: Patch | undefined,
  ): Promise<Map<string, TenantSlice>> {
    const whole: string[] = [];
    const patches: Promise<TenantSlice>[] = [];
    for (const { version, tenant_id, ids } of changes) {
      if (tenant_id === null) continue;
      const known = this.known.get(tenant_id);
      const isLogged = since > version - LOGGED_VERSIONS;
      if (known && ids && isLogged && ids.length <= MOST_TOUCHED)
        patches.push(this.patched(tx, known, new Set(ids), guess));
      else whole.push(tenant_id);
    }
    const [tenants, ...slices] = await together(
      whole.length ? this.wholeTenants(tx, whole) : Promise.resolve(new Map<string, TenantSlice>()),
      ...patches,
    );
    for (const slice of slices) tenants.set(slice.tenantId, slice);
    return tenants;
  }

  private async wholeTenants(tx: Transaction, tenantIds: string[] | null): Promise<Map<string, TenantSlice>> {
    const rows = await this.rows.read(tx, tenantIds);
    return new Map(
      [...rows].map(([id, tenant]) => [
        id,
        compileTenant(id, tenant, this.environment.ALLOW_PRIVATE_BACKENDS),
      ]),
    );
  }

  /**
   * Asked for together with what changed, which saves a round trip when only this node has changed something, and one
   * tenant. When it is not what changed nobody uses it.
   */
  private async guessed(tx: Transaction): Promise<Patch | undefined> {
    const [only, ...more] = this.expected;
    this.expected.clear();
    if (!only || more.length || only[1].size > MOST_GUESSED) return undefined;
    const [tenantId, ids] = only;
    return { tenantId, ids, rows: await this.rows.readTouched(tx, tenantId, touchedBy(ids)) };
  }

  /** The tenant's slice, made from the one that was read last. */
  private async patched(
    tx: Transaction,
    slice: TenantSlice,
    ids: ReadonlySet<string>,
    guess: Patch | undefined,
  ): Promise<TenantSlice> {
    const isGuessed = guess?.tenantId === slice.tenantId && [...ids].every((id) => guess.ids.has(id));
    const touched = touchedBy(isGuessed ? guess.ids : ids);
    const rows = isGuessed ? guess.rows : await this.rows.readTouched(tx, slice.tenantId, touched);
    return patchTenant(slice, touched, rows, this.environment.ALLOW_PRIVATE_BACKENDS);
  }

  private remember(tenants: ReadonlyMap<string, TenantSlice>): void {
    for (const [id, slice] of tenants)
      if (slice.pools.length || slice.routes.length) this.known.set(id, slice);
      else this.known.delete(id);
  }
}

function touchedBy(ids: ReadonlySet<string>): Touched {
  const of = (type: string) => new Set([...ids].filter((id) => id.startsWith(`${type}_`)));
  return { pools: of('pool'), routes: of('route'), hosts: ids.has('hosts') };
}

/**
 * Ids of everything that is to be read again. Null when something else than pools, backends, routes and certificates was
 * at work, or nothing that has a name.
 */
function touchedIds({ objects, affected }: ConfigurationChange): string[] | null {
  if (objects.length + affected.length === 0) return null;
  const parts = objects.filter(({ type }) => type !== 'configuration');
  if (parts.length > MOST_TOUCHED || parts.some(({ type }) => !PARTS.includes(type))) return null;
  return [...new Set([...parts.map(({ id }) => id), ...affected])];
}
