import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { Transaction } from '../../platform/database/index.js';
import { LIMITED_KINDS, type LimitedKind, type Plan } from './plans.js';
import { PlansReadModel, type Standing } from './plans.read-model.js';
import { TenantsRepository } from './tenants.repository.js';

/** A tenant has more of something than a plan allows. */
export interface PlanExcess {
  kind: LimitedKind;
  have: number;
  limit: number;
}

/** Holds tenants to their plan inside the transaction that inserts. */
@Injectable()
export class PlanLimits {
  constructor(
    private readonly tenants: TenantsRepository,
    private readonly plans: PlansReadModel,
  ) {}

  /** Makes changes to one tenant's people wait for each other: two owners must not remove one another at once. */
  async lockTenant(tx: Transaction, tenantId: string): Promise<void> {
    await this.tenants.lock(tx, tenantId);
  }

  /**
   * Locks the tenant's row, so that of many inserts at once only as many go through as there is room for. Whoever
   * finds no room before that is refused without waiting for the lock: a burst over the limit must not hold the
   * pool's connections in a queue.
   * @throws AppError 403 PLAN_LIMIT_REACHED with the limit and the plan that lifts it
   */
  async requireRoom(tx: Transaction, tenantId: string, kind: LimitedKind): Promise<void> {
    await this.check(tx, kind, await this.plans.standing(tx, tenantId, kind));
    await this.check(tx, kind, await this.plans.lockedStanding(tx, tenantId, kind));
  }

  /** What the tenant has more of than `plan` allows; empty when it fits. */
  async excessOf(tx: Transaction, tenantId: string, plan: Plan): Promise<PlanExcess[]> {
    const excess: PlanExcess[] = [];
    for (const kind of LIMITED_KINDS) {
      const limit = plan.limits[kind];
      if (limit === null) continue;
      const have = await this.tenants.count(tx, tenantId, kind);
      if (have > limit) excess.push({ kind, have, limit });
    }
    return excess;
  }

  private async check(tx: Transaction, kind: LimitedKind, { plan, own, have }: Standing): Promise<void> {
    const ofPlan = plan.limits[kind];
    const limit = own !== null && (ofPlan === null || own < ofPlan) ? own : ofPlan;
    if (limit === null || have < limit) return;
    const lifting = own === limit && own !== ofPlan ? null : await this.planThatLifts(tx, plan, kind, limit);
    throw planLimitReached(plan, kind, limit, lifting);
  }

  private async planThatLifts(
    tx: Transaction,
    plan: Plan,
    kind: LimitedKind,
    limit: number,
  ): Promise<Plan | null> {
    const roomier = (p: Plan) => p.limits[kind] === null || p.limits[kind] > limit;
    return (await this.plans.onSale(tx)).find((p) => p.rank > plan.rank && roomier(p)) ?? null;
  }
}

/** 403 PLAN_LIMIT_REACHED, naming the limit and the plan that lifts it. */
export const planLimitReached = (plan: Plan, what: string, limit: number, lifting: Plan | null): AppError =>
  new AppError(
    403,
    'PLAN_LIMIT_REACHED',
    `At most ${limit} ${what} on the plan '${plan.id}'${lifting ? `; the plan '${lifting.id}' allows more` : ''}`,
    {
      details: [
        {
          field: what,
          constraint: 'planLimit',
          message: `limit ${limit}${lifting ? `, lifted by ${lifting.id}` : ''}`,
        },
      ],
    },
  );
