import { Injectable } from '@nestjs/common';
import type { AdminState } from '../../common/load-balancing.js';
import { columnsOf, prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import { Backend } from './backend.entity.js';
import type { HealthCheck } from './health-check.js';

/** A backend together with what it takes from its pool. */
export type BackendRow = Omit<Backend, 'weight_factor'> & { pool: string; pool_health_check: HealthCheck };

/** What the data plane needs of a backend. */
export type BackendSource = Omit<Backend, 'version' | 'created_at' | 'updated_at'>;

export interface BackendFilter {
  id?: string;
  pool?: string;
  region?: string;
  admin_state?: AdminState;
}

const SELECT = `SELECT ${columnsOf(Backend, 'b')}, p.name AS pool, p.health_check AS pool_health_check
  FROM backends b JOIN pools p ON p.tenant_id = b.tenant_id AND p.id = b.pool_id`;

const COLUMNS = { id: 'b.id', pool: 'p.name', region: 'b.region', admin_state: 'b.admin_state' } as const;

function where(tenantId: string, filter: BackendFilter): { sql: string; values: string[] } {
  const values = [tenantId];
  const parts = ['b.tenant_id = $1'];
  for (const [key, column] of Object.entries(COLUMNS)) {
    const value = filter[key as keyof BackendFilter];
    if (value !== undefined) parts.push(`${column} = $${values.push(value)}`);
  }
  return { sql: parts.join(' AND '), values };
}

const SELECT_SOURCE = `SELECT id, tenant_id, pool_id, address, weight, region, admin_state, health_check, weight_factor
    FROM backends`;
const OF_POOLS = prepared(`${SELECT} WHERE b.tenant_id = $1 AND b.pool_id = ANY ($2) ORDER BY b.id`);
const SOURCES_OF_TENANTS = prepared(`${SELECT_SOURCE} WHERE tenant_id = ANY ($1) ORDER BY id`);
const SOURCES_OF_POOLS = prepared(`${SELECT_SOURCE} WHERE tenant_id = $1 AND pool_id = ANY ($2) ORDER BY id`);

/** Reads backends, in the order in which they were made. */
@Injectable()
export class BackendsReadModel {
  async get(tx: Transaction, tenantId: string, id: string): Promise<BackendRow | null> {
    return (await this.find(tx, tenantId, { id }))[0] ?? null;
  }

  find(
    tx: Transaction,
    tenantId: string,
    filter: BackendFilter,
    page?: { limit: number; offset: number },
  ): Promise<BackendRow[]> {
    const { sql, values } = where(tenantId, filter);
    const limit = page ? ` LIMIT ${Number(page.limit)} OFFSET ${Number(page.offset)}` : '';
    return tx.query(`${SELECT} WHERE ${sql} ORDER BY b.id${limit}`, values);
  }

  async count(tx: Transaction, tenantId: string, filter: BackendFilter): Promise<number> {
    const { sql, values } = where(tenantId, filter);
    const [row] = await tx.query(
      `SELECT count(*)::int AS n FROM backends b JOIN pools p ON p.tenant_id = b.tenant_id AND p.id = b.pool_id
       WHERE ${sql}`,
      values,
    );
    return row.n;
  }

  ofPools(tx: Transaction, tenantId: string, poolIds: readonly string[]): Promise<BackendRow[]> {
    return rowsOf(tx, OF_POOLS, tenantId, poolIds);
  }

  /** All backends of these tenants, or of every tenant for null; takes a system transaction. */
  ofTenants(tx: Transaction, tenantIds: readonly string[] | null): Promise<BackendRow[]> {
    return tenantIds
      ? tx.query(`${SELECT} WHERE b.tenant_id = ANY ($1) ORDER BY b.id`, [tenantIds])
      : tx.query(`${SELECT} ORDER BY b.id`);
  }

  /**
   * As `ofTenants`, without what comes from the pool: the data plane has the pools, and a join of everything with
   * everything is at the mercy of stale statistics.
   */
  sources(tx: Transaction, tenantIds: readonly string[] | null): Promise<BackendSource[]> {
    return tenantIds ? rowsOf(tx, SOURCES_OF_TENANTS, tenantIds) : tx.query(`${SELECT_SOURCE} ORDER BY id`);
  }

  /** As `sources`, of these pools. */
  sourcesOf(tx: Transaction, tenantId: string, poolIds: readonly string[]): Promise<BackendSource[]> {
    return rowsOf(tx, SOURCES_OF_POOLS, tenantId, poolIds);
  }
}
