import { Injectable } from '@nestjs/common';
import type { Algorithm } from '../../common/load-balancing.js';
import { type Database, prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import type { BackendRow, HealthCheck } from '../backends/index.js';

export interface PoolRow {
  id: string;
  tenant_id: string;
  name: string;
  algorithm: Algorithm;
  sticky_sessions: boolean;
  health_check: HealthCheck;
  connect_timeout: string;
  response_timeout: string;
  retries: number;
  version: number;
  created_at: Date;
  updated_at: Date;
}

export interface PoolWithBackends {
  pool: PoolRow;
  backends: Pick<BackendRow, 'id' | 'address' | 'weight' | 'region' | 'admin_state'>[];
}

export interface PoolFilter {
  algorithm?: Algorithm;
  /** Beginning of the name. */
  namePrefix?: string;
}

const SELECT = `SELECT id, tenant_id, name, algorithm, sticky_sessions, health_check, connect_timeout, response_timeout,
    retries, version, created_at, updated_at FROM pools`;
const MATCHES = `tenant_id = $1 AND ($2::text IS NULL OR algorithm = $2) AND ($3::text IS NULL OR starts_with(name, $3))`;

const BY_IDS = prepared(`${SELECT} WHERE tenant_id = $1 AND id = ANY ($2) ORDER BY id`);
const OF_TENANTS = prepared(`${SELECT} WHERE tenant_id = ANY ($1) ORDER BY id`);

/** Reads pools, by name. */
@Injectable()
export class PoolsReadModel {
  /** One pool with its backends, in one round trip and a transaction of its own: the API's hottest read. */
  async read(database: Database, tenantId: string, name: string): Promise<PoolWithBackends | null> {
    const found = await database.readInTenant<PoolWithBackends>('read_pool', tenantId, name);
    if (!found) return null;
    const { pool } = found;
    pool.created_at = new Date(pool.created_at); // JSON has no dates
    pool.updated_at = new Date(pool.updated_at);
    return found;
  }

  find(
    tx: Transaction,
    tenantId: string,
    filter: PoolFilter,
    page: { limit: number; offset: number },
  ): Promise<PoolRow[]> {
    return tx.query(`${SELECT} WHERE ${MATCHES} ORDER BY name LIMIT $4 OFFSET $5`, [
      tenantId,
      filter.algorithm ?? null,
      filter.namePrefix ?? null,
      page.limit,
      page.offset,
    ]);
  }

  async count(tx: Transaction, tenantId: string, filter: PoolFilter): Promise<number> {
    const [row] = await tx.query(`SELECT count(*)::int AS n FROM pools WHERE ${MATCHES}`, [
      tenantId,
      filter.algorithm ?? null,
      filter.namePrefix ?? null,
    ]);
    return row.n;
  }

  /** These pools, as far as they are there. */
  byIds(tx: Transaction, tenantId: string, ids: readonly string[]): Promise<PoolRow[]> {
    return rowsOf(tx, BY_IDS, tenantId, ids);
  }

  /** All pools of these tenants, or of every tenant for null; takes a system transaction. */
  ofTenants(tx: Transaction, tenantIds: readonly string[] | null): Promise<PoolRow[]> {
    return tenantIds ? rowsOf(tx, OF_TENANTS, tenantIds) : tx.query(`${SELECT} ORDER BY id`);
  }
}
