import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../platform/database/index.js';
import { BackendsReadModel } from '../backends/index.js';
import { PoolsReadModel } from '../pools/index.js';
import { RoutesReadModel } from '../routes/index.js';
import { type MeasuredPool, TrafficMetrics } from '../telemetry/index.js';
import { TenantsService } from '../tenants/index.js';
import { compileTenant, type TenantRows } from './compile.js';
import type { Snapshot } from './snapshot.js';

/** Reads the configuration and keeps the current snapshot; slices of tenants that did not change stay the same. */
@Injectable()
export class SnapshotService {
  private snapshot: Snapshot = { version: 0, tenants: new Map() };

  constructor(
    private readonly database: Database,
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly routes: RoutesReadModel,
    private readonly tenants: TenantsService,
    private readonly metrics: TrafficMetrics,
  ) {}

  get current(): Snapshot {
    return this.snapshot;
  }

  /** Compiles these tenants anew, or all for null, from one consistent view of the database. */
  async compile(tenantIds: readonly string[] | null): Promise<Snapshot> {
    const { version, rows } = await this.database.system((tx) => this.read(tx, tenantIds));
    const tenants = new Map(tenantIds ? this.snapshot.tenants : []);
    for (const id of tenantIds ?? []) tenants.delete(id);
    for (const tenant of rows) tenants.set(tenant.tenantId, compileTenant(tenant));
    for (const id of tenantIds ?? this.snapshot.tenants.keys()) if (!tenants.has(id)) this.metrics.setTenant(id, []);
    for (const { tenantId, pools, backends } of rows) this.metrics.setTenant(tenantId, measured(pools, backends));
    this.snapshot = { version, tenants };
    return this.snapshot;
  }

  /** SHA-256 of the whole snapshot but its number: two nodes with the same hash carry the same configuration. */
  hash(): string {
    const slices = [...this.snapshot.tenants.values()].sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
    const hash = createHash('sha256');
    for (const slice of slices) hash.update(JSON.stringify(slice));
    return hash.digest('hex');
  }

  private async read(tx: Transaction, tenantIds: readonly string[] | null) {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const [state] = await tx.query('SELECT version::int AS version FROM config_state');
    const active = new Set(await this.tenants.activeIds(tx, tenantIds));
    const rows = new Map<string, Mutable>();
    const of = (id: string) => {
      const known = rows.get(id);
      if (known) return known;
      const made: Mutable = { tenantId: id, pools: [], backends: [], routes: [] };
      rows.set(id, made);
      return made;
    };
    for (const pool of await this.pools.ofTenants(tx, tenantIds)) of(pool.tenant_id).pools.push(pool);
    for (const backend of await this.backends.ofTenants(tx, tenantIds)) of(backend.tenant_id).backends.push(backend);
    // a suspended tenant keeps its pools, so that health stays known, but no host of it is served
    for (const route of await this.routes.ofTenants(tx, tenantIds))
      if (active.has(route.tenant_id)) of(route.tenant_id).routes.push(route);
    return { version: state.version as number, rows: [...rows.values()] };
  }
}

const measured = (pools: TenantRows['pools'], backends: TenantRows['backends']): MeasuredPool[] =>
  pools.map(({ id, name }) => ({ id, name, backends: backends.filter((b) => b.pool_id === id) }));

type Mutable = { -readonly [K in keyof TenantRows]: TenantRows[K] extends readonly (infer T)[] ? T[] : TenantRows[K] };
