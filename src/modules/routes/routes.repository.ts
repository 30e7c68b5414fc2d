import { Injectable } from '@nestjs/common';
import { columnsOf, prepared, rowsOf, send, type Transaction } from '../../platform/database/index.js';
import { claimGroup, coveringWildcards } from './host.js';
import { Route } from './route.entity.js';
import { RoutesReadModel } from './routes.read-model.js';

export type NewRoute = Omit<Route, 'version' | 'created_at' | 'updated_at'>;

const LOCK = prepared(`SELECT ${columnsOf(Route)} FROM routes WHERE tenant_id = $1 AND id = $2 FOR UPDATE`);
const INSERT = prepared(
  `INSERT INTO routes (tenant_id, id, host, path_prefix, pool_id, ssl_enabled, features)
   VALUES ($1, $2, $3, $4, $5, $6, $7)`,
);
const UPDATE = prepared(
  `UPDATE routes SET host = $3, path_prefix = $4, pool_id = $5, ssl_enabled = $6, features = $7,
     version = version + 1, updated_at = clock_timestamp()
   WHERE tenant_id = $1 AND id = $2 AND (host, path_prefix, pool_id, ssl_enabled, features)
     IS DISTINCT FROM ($3, $4, $5, $6::boolean, $7::jsonb)`,
);
const DELETE = prepared('DELETE FROM routes WHERE tenant_id = $1 AND id = $2');
const POOL_IDS = prepared(
  'SELECT id, name FROM pools WHERE tenant_id = $1 AND name = ANY ($2) ORDER BY id FOR KEY SHARE',
);
const LOCK_CLAIMS = prepared(`SELECT pg_advisory_xact_lock(hashtextextended('route_hosts ' || $1, 0))`);
const CLAIM = prepared(
  `WITH taken AS (
     SELECT FROM route_hosts WHERE tenant_id <> $1
     AND (host = $2 OR host = ANY ($3) OR ($4::text IS NOT NULL AND right(host, length($4)) = $4)) LIMIT 1),
   claimed AS (
     INSERT INTO route_hosts (tenant_id, host) SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM taken)
     ON CONFLICT DO NOTHING)
   SELECT EXISTS (SELECT FROM taken) AS taken`,
);
const RELEASE = prepared(
  `DELETE FROM route_hosts WHERE tenant_id = $1 AND host = $2
   AND NOT EXISTS (SELECT 1 FROM routes WHERE tenant_id = $1 AND host = $2)`,
);

const valuesOf = (r: NewRoute) => [
  r.tenant_id,
  r.id,
  r.host,
  r.path_prefix,
  r.pool_id,
  r.ssl_enabled,
  r.features,
];

@Injectable()
export class RoutesRepository extends RoutesReadModel {
  async insert(tx: Transaction, route: NewRoute): Promise<void> {
    await rowsOf(tx, INSERT, ...valuesOf(route));
  }

  /** The row, locked until the transaction ends. */
  async lock(tx: Transaction, tenantId: string, id: string): Promise<Route | null> {
    return (await rowsOf<Route>(tx, LOCK, tenantId, id))[0] ?? null;
  }

  /** Writes what changed, with the next version; nothing when all is as it was. */
  async save(tx: Transaction, route: NewRoute): Promise<void> {
    await rowsOf(tx, UPDATE, ...valuesOf(route));
  }

  async delete(tx: Transaction, route: NewRoute): Promise<void> {
    await rowsOf(tx, DELETE, route.tenant_id, route.id);
  }

  /**
   * Makes the host the tenant's, unless another tenant has it, a wildcard above it, or a host below it. Takes a system
   * transaction, as the wall hides what others have.
   * @returns whether the host is the tenant's now
   */
  async claimHost(tx: Transaction, tenantId: string, host: string): Promise<boolean> {
    const below = host.startsWith('*.') ? host.slice(1) : null;
    const [, [outcome]] = await send<[object[], { taken: boolean }[]]>(
      tx,
      [LOCK_CLAIMS, claimGroup(host)],
      [CLAIM, tenantId, host, coveringWildcards(host), below],
    );
    return !outcome!.taken;
  }

  /** Gives the host up when no route of the tenant has it any more. */
  async releaseHost(tx: Transaction, tenantId: string, host: string): Promise<void> {
    await send(tx, [LOCK_CLAIMS, claimGroup(host)], [RELEASE, tenantId, host]);
  }

  /** Ids of pools by name, which cannot go before the transaction ends; unknown names are left out. */
  async poolIds(tx: Transaction, tenantId: string, names: readonly string[]): Promise<Map<string, string>> {
    const rows = await rowsOf<{ id: string; name: string }>(tx, POOL_IDS, tenantId, names);
    return new Map(rows.map((row) => [row.name, row.id]));
  }
}
