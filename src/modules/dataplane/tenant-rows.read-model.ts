import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { BackendsReadModel } from '../backends/index.js';
import { CertificatesReadModel } from '../certificates/index.js';
import { PoolsReadModel } from '../pools/index.js';
import { RoutesReadModel } from '../routes/index.js';
import type { TenantRows, Touched } from './compile.js';
import type { TenantSlice } from './snapshot.js';

type Groups = Map<string, { [K in keyof TenantRows]: TenantRows[K][number][] }>;

/** Everything that slices are made of, one query a table. */
@Injectable()
export class TenantRowsReadModel {
  constructor(
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly routes: RoutesReadModel,
    private readonly certificates: CertificatesReadModel,
  ) {}

  /** Of these tenants, each of which is in the answer, or of every tenant for null. Takes a system transaction. */
  async read(tx: Transaction, tenantIds: readonly string[] | null): Promise<Map<string, TenantRows>> {
    return byTenant(tenantIds ?? [], {
      pools: await this.pools.ofTenants(tx, tenantIds),
      backends: await this.backends.sources(tx, tenantIds),
      routes: await this.routes.served(tx, tenantIds),
      certificates: await this.certificates.served(tx, tenantIds),
      challenges: await this.certificates.challenges(tx, tenantIds),
    });
  }

  /** What changes to these pools, backends and routes touch: a backend the pool that it is in and the one that it was in. */
  async touchedBy(tx: Transaction, slice: TenantSlice, ids: ReadonlySet<string>): Promise<Touched> {
    const of = (type: string) => [...ids].filter((id) => id.startsWith(`${type}_`));
    const backends = of('backend');
    const pools = new Set(of('pool'));
    if (backends.length) {
      for (const id of await this.backends.poolsOf(tx, slice.tenantId, backends)) pools.add(id);
      for (const pool of slice.pools) if (pool.backends.some(({ id }) => ids.has(id))) pools.add(pool.id);
    }
    return { pools, routes: new Set(of('route')) };
  }

  /** The rows of what was touched, as `patchTenant` takes them. */
  async readTouched(tx: Transaction, tenantId: string, touched: Touched): Promise<TenantRows> {
    const [pools, routes] = [[...touched.pools], [...touched.routes]];
    return {
      pools: pools.length ? await this.pools.byIds(tx, tenantId, pools) : [],
      backends: pools.length ? await this.backends.sourcesOf(tx, tenantId, pools) : [],
      routes: routes.length ? await this.routes.servedByIds(tx, tenantId, routes) : [],
      certificates: routes.length ? await this.certificates.served(tx, [tenantId]) : [],
      challenges: routes.length ? await this.certificates.challenges(tx, [tenantId]) : [],
    };
  }
}

function byTenant(tenantIds: readonly string[], rows: TenantRows): Groups {
  const groups: Groups = new Map();
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
