import { Injectable } from '@nestjs/common';
import { columnsOf, prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import { Route } from './route.entity.js';

/** A route together with the names of the pools that it points to. */
export interface RouteRow extends Route {
  pool: string;
  /** Names of the pools of a split, by id. */
  split_pools: Record<string, string>;
}

/** What the data plane needs of a route. */
export type RouteSource = Omit<Route, 'version' | 'created_at' | 'updated_at'>;

export interface RouteFilter {
  id?: string;
  host?: string;
  pool?: string;
}

const JOINED = 'routes r JOIN pools p ON p.tenant_id = r.tenant_id AND p.id = r.pool_id';
const SELECT = `SELECT ${columnsOf(Route, 'r')}, p.name AS pool,
    CASE WHEN r.features ? 'split' THEN
      (SELECT jsonb_object_agg(s.id, s.name) FROM pools s WHERE s.tenant_id = r.tenant_id
        AND s.id IN (SELECT t ->> 'pool_id' FROM jsonb_array_elements(r.features -> 'split') t))
    ELSE '{}' END AS split_pools
  FROM ${JOINED}`;
const GET = prepared(`${SELECT} WHERE r.tenant_id = $1 AND r.id = $2`);
const SERVED = `SELECT id, tenant_id, host, path_prefix, pool_id, ssl_enabled, features FROM routes
  WHERE tenant_id IN (SELECT id FROM tenants WHERE status = 'active')`;
const SERVED_OF_TENANTS = prepared(`${SERVED} AND tenant_id = ANY ($1) ORDER BY id`);
const SERVED_BY_IDS = prepared(`${SERVED} AND tenant_id = $1 AND id = ANY ($2) ORDER BY id`);
const MATCHES = `r.tenant_id = $1 AND ($2::text IS NULL OR r.id = $2) AND ($3::text IS NULL OR r.host = $3)
  AND ($4::text IS NULL OR p.name = $4)`;

const parameters = (tenantId: string, { id, host, pool }: RouteFilter) => [
  tenantId,
  id ?? null,
  host ?? null,
  pool ?? null,
];

/** Reads routes, by host and path prefix. */
@Injectable()
export class RoutesReadModel {
  async get(tx: Transaction, tenantId: string, id: string): Promise<RouteRow | null> {
    return (await rowsOf<RouteRow>(tx, GET, tenantId, id))[0] ?? null;
  }

  find(
    tx: Transaction,
    tenantId: string,
    filter: RouteFilter,
    page: { limit: number; offset: number },
  ): Promise<RouteRow[]> {
    return tx.query(`${SELECT} WHERE ${MATCHES} ORDER BY r.host, r.path_prefix, r.id LIMIT $5 OFFSET $6`, [
      ...parameters(tenantId, filter),
      page.limit,
      page.offset,
    ]);
  }

  async count(tx: Transaction, tenantId: string, filter: RouteFilter): Promise<number> {
    const [row] = await tx.query(
      `SELECT count(*)::int AS n FROM ${JOINED} WHERE ${MATCHES}`,
      parameters(tenantId, filter),
    );
    return row.n;
  }

  /**
   * The routes that the data plane serves: those of active tenants, of these tenants or of every tenant for null.
   * Takes a system transaction.
   */
  served(tx: Transaction, tenantIds: readonly string[] | null): Promise<RouteSource[]> {
    return tenantIds ? rowsOf(tx, SERVED_OF_TENANTS, tenantIds) : tx.query(`${SERVED} ORDER BY id`);
  }

  /** Those of these routes that the data plane serves. Takes a system transaction. */
  servedByIds(tx: Transaction, tenantId: string, ids: readonly string[]): Promise<RouteSource[]> {
    return rowsOf(tx, SERVED_BY_IDS, tenantId, ids);
  }
}
