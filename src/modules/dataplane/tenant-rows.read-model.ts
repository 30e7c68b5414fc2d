import { Injectable } from '@nestjs/common';
import { type Transaction, together } from '../../platform/database/index.js';
import { BackendsReadModel } from '../backends/index.js';
import { CertificatesReadModel } from '../certificates/index.js';
import { PoolsReadModel } from '../pools/index.js';
import { RoutesReadModel } from '../routes/index.js';
import type { TenantRows, Touched } from './compile.js';

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
    const [pools, backends, routes, certificates, challenges] = await together(
      this.pools.ofTenants(tx, tenantIds),
      this.backends.sources(tx, tenantIds),
      this.routes.served(tx, tenantIds),
      this.certificates.served(tx, tenantIds),
      this.certificates.challenges(tx, tenantIds),
    );
    return byTenant(tenantIds ?? [], { pools, backends, routes, certificates, challenges });
  }

  /** The rows of what was touched, as `patchTenant` takes them. */
  async readTouched(tx: Transaction, tenantId: string, touched: Touched): Promise<TenantRows> {
    const ids = { pools: [...touched.pools], routes: [...touched.routes] };
    const [pools, backends, routes, certificates, challenges] = await together(
      ids.pools.length ? this.pools.byIds(tx, tenantId, ids.pools) : undefined,
      ids.pools.length ? this.backends.sourcesOf(tx, tenantId, ids.pools) : undefined,
      ids.routes.length ? this.routes.servedByIds(tx, tenantId, ids.routes) : undefined,
      touched.hosts ? this.certificates.served(tx, [tenantId]) : undefined,
      touched.hosts ? this.certificates.challenges(tx, [tenantId]) : undefined,
    );
    return {
      pools: pools ?? [],
      backends: backends ?? [],
      routes: routes ?? [],
      certificates: certificates ?? [],
      challenges: challenges ?? [],
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
