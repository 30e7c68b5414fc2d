import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Transaction } from '../../platform/database/index.js';
import { Backend } from './backend.entity.js';
import { BackendsReadModel } from './backends.read-model.js';
import type { HealthCheck } from './health-check.js';

/** What a backend takes from the pool that it is in. */
export interface ParentPool {
  id: string;
  name: string;
  health_check: HealthCheck;
}

type NewBackend = Pick<
  Backend,
  'tenant_id' | 'pool_id' | 'address' | 'weight' | 'region' | 'admin_state' | 'health_check'
>;

@Injectable()
export class BackendsRepository extends BackendsReadModel {
  async insert(tx: Transaction, fields: NewBackend): Promise<Backend> {
    const backend = tx.create(Backend, { id: newId('backend'), ...fields });
    await tx.insert(Backend, backend);
    return backend;
  }

  /** The row, locked until the transaction ends. */
  lock(tx: Transaction, tenantId: string, id: string): Promise<Backend | null> {
    return tx.findOne(Backend, { where: { tenant_id: tenantId, id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Writes what changed, with the next version. */
  save(tx: Transaction, backend: Backend): Promise<Backend> {
    return tx.save(backend);
  }

  async delete(tx: Transaction, backend: Backend): Promise<void> {
    await tx.delete(Backend, { tenant_id: backend.tenant_id, id: backend.id });
  }

  /** The pool, which cannot go before the transaction ends. */
  async parentByName(tx: Transaction, tenantId: string, name: string): Promise<ParentPool | null> {
    const [pool] = await tx.query(
      'SELECT id, name, health_check FROM pools WHERE tenant_id = $1 AND name = $2 FOR KEY SHARE',
      [tenantId, name],
    );
    return pool ?? null;
  }

  async parentOf(tx: Transaction, backend: Backend): Promise<ParentPool> {
    const [pool] = await tx.query(
      'SELECT id, name, health_check FROM pools WHERE tenant_id = $1 AND id = $2',
      [backend.tenant_id, backend.pool_id],
    );
    return pool;
  }
}
