import { Injectable } from '@nestjs/common';
import { Not } from 'typeorm';
import type { Transaction } from '../../platform/database/index.js';
import { Backend } from './backend.entity.js';

/**
 * Factors on the weights of a pool's backends that the program sets by itself, ahead of a forecast peak. The data plane
 * applies them to `adaptive_ai` pools only; what a user configured stays as it is, and so does its version.
 */
@Injectable()
export class WeightFactors {
  /** Factors other than 1, by backend. */
  async of(tx: Transaction, tenantId: string, poolId: string): Promise<Map<string, number>> {
    const rows = await tx.getRepository(Backend).find({
      select: { id: true, weight_factor: true },
      where: { tenant_id: tenantId, pool_id: poolId, weight_factor: Not(1) },
    });
    return new Map(rows.map(({ id, weight_factor }) => [id, weight_factor]));
  }

  /** Sets the factors of a pool; 1 for backends that are not named. The caller records the change of configuration. */
  async set(
    tx: Transaction,
    tenantId: string,
    poolId: string,
    factors: ReadonlyMap<string, number>,
  ): Promise<void> {
    const rows = [...factors].map(([id, factor]) => ({ id, factor }));
    await tx.query(
      `UPDATE backends b SET weight_factor = coalesce(
         (SELECT factor FROM jsonb_to_recordset($3) AS r (id text, factor real) WHERE r.id = b.id), 1)
       WHERE tenant_id = $1 AND pool_id = $2`,
      [tenantId, poolId, JSON.stringify(rows)],
    );
  }
}
