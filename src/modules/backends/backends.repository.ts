import { Injectable } from '@nestjs/common';
import { columnsOf, prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import { Backend } from './backend.entity.js';
import { BackendsReadModel } from './backends.read-model.js';
import type { HealthCheck } from './health-check.js';

/** What a backend takes from the pool that it is in. */
export interface ParentPool {
  id: string;
  name: string;
  health_check: HealthCheck;
}

/** What a user configures of a backend. */
export type ConfiguredBackend = Omit<Backend, 'weight_factor'>;
export type NewBackend = Omit<ConfiguredBackend, 'version' | 'created_at' | 'updated_at'>;

/** A backend, and what it takes from its pool. */
interface LockedBackend {
  backend: ConfiguredBackend;
  pool: ParentPool;
}

const LOCK = prepared(
  `SELECT ${columnsOf(Backend, 'b')}, json_build_object('id', p.id, 'name', p.name, 'health_check', p.health_check) AS pool
   FROM backends b JOIN pools p ON p.tenant_id = b.tenant_id AND p.id = b.pool_id
   WHERE b.tenant_id = $1 AND b.id = $2 FOR UPDATE OF b`,
);
const INSERT = prepared(
  `INSERT INTO backends (tenant_id, id, pool_id, address, weight, region, admin_state, health_check)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING version, created_at, updated_at`,
);
const UPDATE = prepared(
  `UPDATE backends SET pool_id = $3, address = $4, weight = $5, region = $6, admin_state = $7, health_check = $8,
     version = version + 1, updated_at = clock_timestamp()
   WHERE tenant_id = $1 AND id = $2 AND (pool_id, address, weight, region, admin_state, health_check)
     IS DISTINCT FROM ($3, $4, $5::int, $6, $7, $8::jsonb)
   RETURNING version, updated_at`,
);
const DELETE = prepared('DELETE FROM backends WHERE tenant_id = $1 AND id = $2');
const PARENT_BY_NAME = prepared(
  'SELECT id, name, health_check FROM pools WHERE tenant_id = $1 AND name = $2 FOR KEY SHARE',
);

const valuesOf = (b: NewBackend) => [
  b.tenant_id,
  b.id,
  b.pool_id,
  b.address,
  b.weight,
  b.region,
  b.admin_state,
  b.health_check,
];

@Injectable()
export class BackendsRepository extends BackendsReadModel {
  async insert(tx: Transaction, backend: NewBackend): Promise<ConfiguredBackend> {
    const [made] = await rowsOf<Omit<ConfiguredBackend, keyof NewBackend>>(tx, INSERT, ...valuesOf(backend));
    return { ...backend, ...made! };
  }

  /** The row, locked until the transaction ends. */
  async lock(tx: Transaction, tenantId: string, id: string): Promise<LockedBackend | null> {
    const [row] = await rowsOf<ConfiguredBackend & { pool: ParentPool }>(tx, LOCK, tenantId, id);
    if (!row) return null;
    const { pool, ...backend } = row;
    return { backend, pool };
  }

  /** Writes what changed, with the next version; nothing when all is as it was. */
  async save(tx: Transaction, backend: ConfiguredBackend): Promise<ConfiguredBackend> {
    const [saved] = await rowsOf<Partial<ConfiguredBackend>>(tx, UPDATE, ...valuesOf(backend));
    return { ...backend, ...saved };
  }

  async delete(tx: Transaction, backend: NewBackend): Promise<void> {
    await rowsOf(tx, DELETE, backend.tenant_id, backend.id);
  }

  /** The pool, which cannot go before the transaction ends. */
  async parentByName(tx: Transaction, tenantId: string, name: string): Promise<ParentPool | null> {
    return (await rowsOf<ParentPool>(tx, PARENT_BY_NAME, tenantId, name))[0] ?? null;
  }
}
