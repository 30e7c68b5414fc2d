import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';

export interface TenantInventory {
  planVersion: number;
  pools: number;
  routes: number;
  backendIds: string[];
  /** Alerts that fire now. */
  alertsFiring: number;
}

/** What a tenant has, counted across the modules that own it. */
@Injectable()
export class TenantInventoryReadModel {
  async of(tx: Transaction, tenantId: string): Promise<TenantInventory> {
    const [row] = await tx.query(
      `SELECT (SELECT plan_version FROM tenants WHERE id = $1) AS "planVersion",
              (SELECT count(*)::int FROM pools WHERE tenant_id = $1) AS pools,
              (SELECT count(*)::int FROM routes WHERE tenant_id = $1) AS routes,
              (SELECT count(*)::int FROM alerts WHERE tenant_id = $1 AND state = 'firing') AS "alertsFiring",
              ARRAY(SELECT id FROM backends WHERE tenant_id = $1) AS "backendIds"`,
      [tenantId],
    );
    return row;
  }
}
