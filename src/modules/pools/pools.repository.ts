import { Injectable } from '@nestjs/common';
import { columnsOf, prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import { Pool } from './pool.entity.js';
import { PoolsReadModel } from './pools.read-model.js';

export type NewPool = Omit<Pool, 'version' | 'created_at' | 'updated_at'>;

const LOCK = prepared(`SELECT ${columnsOf(Pool)} FROM pools WHERE tenant_id = $1 AND name = $2 FOR UPDATE`);
const INSERT = prepared(
  `INSERT INTO pools (tenant_id, id, name, algorithm, sticky_sessions, health_check, connect_timeout,
                      response_timeout, retries)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING version, created_at, updated_at`,
);
const UPDATE = prepared(
  `UPDATE pools SET name = $3, algorithm = $4, sticky_sessions = $5, health_check = $6, connect_timeout = $7,
     response_timeout = $8, retries = $9, version = version + 1, updated_at = clock_timestamp()
   WHERE tenant_id = $1 AND id = $2
     AND (name, algorithm, sticky_sessions, health_check, connect_timeout, response_timeout, retries)
       IS DISTINCT FROM ($3, $4, $5::boolean, $6::jsonb, $7, $8, $9::int)
   RETURNING version, updated_at`,
);
const DELETE = prepared('DELETE FROM pools WHERE tenant_id = $1 AND id = $2');

const valuesOf = (p: NewPool) => [
  p.tenant_id,
  p.id,
  p.name,
  p.algorithm,
  p.sticky_sessions,
  p.health_check,
  p.connect_timeout,
  p.response_timeout,
  p.retries,
];

@Injectable()
export class PoolsRepository extends PoolsReadModel {
  async insert(tx: Transaction, pool: NewPool): Promise<Pool> {
    const [made] = await rowsOf<Omit<Pool, keyof NewPool>>(tx, INSERT, ...valuesOf(pool));
    return { ...pool, ...made! };
  }

  /** The row, locked until the transaction ends. */
  async lock(tx: Transaction, tenantId: string, name: string): Promise<Pool | null> {
    return (await rowsOf<Pool>(tx, LOCK, tenantId, name))[0] ?? null;
  }

  /** Writes what changed, with the next version; nothing when all is as it was. */
  async save(tx: Transaction, pool: Pool): Promise<Pool> {
    const [saved] = await rowsOf<Partial<Pool>>(tx, UPDATE, ...valuesOf(pool));
    return { ...pool, ...saved };
  }

  async delete(tx: Transaction, pool: NewPool): Promise<void> {
    await rowsOf(tx, DELETE, pool.tenant_id, pool.id);
  }

  /** What still points at the pool: its backends, and routes that send traffic to it. */
  async users(tx: Transaction, pool: NewPool): Promise<{ backends: string[]; routes: string[] }> {
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
