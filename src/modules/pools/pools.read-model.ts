import { Injectable } from '@nestjs/common';
import { type FindOptionsWhere, Raw } from 'typeorm';
import { defined } from '../../common/defined.js';
import type { Algorithm } from '../../common/load-balancing.js';
import {
  columnsOf,
  type Database,
  prepared,
  rowsOf,
  type Transaction,
} from '../../platform/database/index.js';
import type { BackendRow } from '../backends/index.js';
import { Pool } from './pool.entity.js';

/** A pool as it is stored, for other modules. */
export type PoolRow = Pool;

export interface PoolWithBackends {
  pool: PoolRow;
  backends: Pick<BackendRow, 'id' | 'address' | 'weight' | 'region' | 'admin_state'>[];
}

export interface PoolFilter {
  algorithm?: Algorithm;
  /** Beginning of the name. */
  namePrefix?: string;
}

const SELECT = `SELECT ${columnsOf(Pool)} FROM pools`;
const BY_IDS = prepared(`${SELECT} WHERE tenant_id = $1 AND id = ANY ($2) ORDER BY id`);
const OF_TENANTS = prepared(`${SELECT} WHERE tenant_id = ANY ($1) ORDER BY id`);

const matching = (tenantId: string, { algorithm, namePrefix }: PoolFilter): FindOptionsWhere<Pool> => ({
  tenant_id: tenantId,
  ...defined({ algorithm }),
  ...(namePrefix !== undefined && {
    name: Raw((name) => `starts_with(${name}, :namePrefix)`, { namePrefix }),
  }),
});

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
    const where = matching(tenantId, filter);
    return tx
      .getRepository(Pool)
      .find({ where, order: { name: 'ASC' }, take: page.limit, skip: page.offset });
  }

  count(tx: Transaction, tenantId: string, filter: PoolFilter): Promise<number> {
    return tx.getRepository(Pool).countBy(matching(tenantId, filter));
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
