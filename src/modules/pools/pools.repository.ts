import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Transaction } from '../../platform/database/index.js';
import { Pool } from './pool.entity.js';
import { PoolsReadModel } from './pools.read-model.js';

type NewPool = Omit<Pool, 'id' | 'version' | 'created_at' | 'updated_at'>;

@Injectable()
export class PoolsRepository extends PoolsReadModel {
  async insert(tx: Transaction, fields: NewPool): Promise<Pool> {
    const pool = tx.create(Pool, { id: newId('pool'), ...fields });
    await tx.insert(Pool, pool);
    return pool;
  }

  /** The row, locked until the transaction ends. */
  lock(tx: Transaction, tenantId: string, name: string): Promise<Pool | null> {
    return tx.findOne(Pool, { where: { tenant_id: tenantId, name }, lock: { mode: 'pessimistic_write' } });
  }

  /** Writes what changed, with the next version. */
  save(tx: Transaction, pool: Pool): Promise<Pool> {
    return tx.save(pool);
  }

  async delete(tx: Transaction, pool: Pool): Promise<void> {
    await tx.delete(Pool, { tenant_id: pool.tenant_id, id: pool.id });
  }

  /** What still points at the pool: its backends, and routes that send traffic to it. */
  async users(tx: Transaction, pool: Pool): Promise<{ backends: string[]; routes: string[] }> {
    const [row] = await tx.query(
      `SELECT ARRAY(SELECT address FROM backends WHERE tenant_id = $1 AND pool_id = $2 ORDER BY id LIMIT 4) AS backends,
              ARRAY(SELECT host || path_prefix FROM routes WHERE tenant_id = $1
                    AND (pool_id = $2 OR features -> 'split' @> jsonb_build_array(jsonb_build_object('pool_id', $2::text)))
                    ORDER BY id LIMIT 4) AS routes`,
      [pool.tenant_id, pool.id],
    );
    return row;
  }
}
