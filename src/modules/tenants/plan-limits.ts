import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { Transaction } from '../../platform/database/index.js';
import { type LimitedKind, PLAN_LIMITS, PLANS, type PlanId } from './plans.js';
import { TenantsRepository } from './tenants.repository.js';

/** Holds tenants to their plan inside the transaction that inserts. */
@Injectable()
export class PlanLimits {
  constructor(private readonly tenants: TenantsRepository) {}

  /** Makes changes to one tenant's people wait for each other: two owners must not remove one another at once. */
  async lockTenant(tx: Transaction, tenantId: string): Promise<void> {
    await this.tenants.lock(tx, tenantId);
  }

  /**
   * Locks the tenant's row, so that of many inserts at once only as many go through as there is room for.
   * @throws AppError 403 PLAN_LIMIT_REACHED with the limit and the plan that lifts it
   */
  async requireRoom(tx: Transaction, tenantId: string, kind: LimitedKind): Promise<void> {
    const tenant = await this.tenants.lock(tx, tenantId);
    const ofPlan = PLAN_LIMITS[tenant.plan as PlanId][kind];
    const own = kind === 'users' ? (tenant.settings.max_users ?? null) : null;
    const limit = own !== null && (ofPlan === null || own < ofPlan) ? own : ofPlan;
    if (limit === null || (await this.tenants.count(tx, tenantId, kind)) < limit) return;
    const lifting = own === limit ? null : nextPlanWith(tenant.plan as PlanId, kind, limit);
    const advice = lifting ? `; the plan '${lifting}' allows more` : '';
    throw new AppError(
      403,
      'PLAN_LIMIT_REACHED',
      `At most ${limit} ${kind} on the plan '${tenant.plan}'${advice}`,
      {
        details: [
          {
            field: kind,
            constraint: 'planLimit',
            message: `limit ${limit}${lifting ? `, lifted by ${lifting}` : ''}`,
          },
        ],
      },
    );
  }
}

function nextPlanWith(plan: PlanId, kind: LimitedKind, limit: number): PlanId | null {
  return (
    PLANS.slice(PLANS.indexOf(plan) + 1).find((p) => {
      const other = PLAN_LIMITS[p][kind];
      return other === null || other > limit;
    }) ?? null
  );
}
