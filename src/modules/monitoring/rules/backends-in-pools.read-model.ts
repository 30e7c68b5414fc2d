import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';

export interface BackendInPool {
  id: string;
  tenant_id: string;
  address: string;
  pool: string;
  /** Whether it is meant to take traffic. */
  enabled: boolean;
  /** Whether its health is looked at: by its own check, or the pool's. */
  checked: boolean;
  /** Ids of the other enabled backends of its pool. */
  siblings: string[];
}

/** Backends of any tenant with what stands beside them; takes a system transaction. */
@Injectable()
export class BackendsInPoolsReadModel {
  of(tx: Transaction, ids: readonly string[]): Promise<BackendInPool[]> {
    return tx.query(
      `SELECT b.id, b.tenant_id, b.address, p.name AS pool, b.admin_state = 'enabled' AS enabled,
              coalesce(b.health_check ->> 'enabled', p.health_check ->> 'enabled', 'true')::boolean AS checked,
              ARRAY(SELECT o.id FROM backends o
                    WHERE o.tenant_id = b.tenant_id AND o.pool_id = b.pool_id AND o.id <> b.id
                      AND o.admin_state = 'enabled') AS siblings
       FROM backends b JOIN pools p ON p.tenant_id = b.tenant_id AND p.id = b.pool_id
       WHERE b.id = ANY ($1)`,
      [ids],
    );
  }
}
