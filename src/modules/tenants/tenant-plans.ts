import { Injectable } from '@nestjs/common';
import { Notifications, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import type { Plan } from './plans.js';
import { TENANT_CHANGED } from './tenant.events.js';
import { TenantsRepository } from './tenants.repository.js';

/** Puts a tenant on a plan; billing decides which. */
@Injectable()
export class TenantPlans {
  constructor(
    private readonly tenants: TenantsRepository,
    private readonly journal: Journal,
    private readonly notifications: Notifications,
  ) {}

  /**
   * Locks the tenant until the transaction ends: what follows sees no other change of its plan or of what it has.
   * @throws AppError 404
   */
  async lock(
    tx: Transaction,
    tenantId: string,
  ): Promise<{ name: string; plan: string; planVersion: number }> {
    const { name, plan, plan_version: planVersion } = await this.tenants.lock(tx, tenantId);
    return { name, plan, planVersion };
  }

  /** Does nothing when the tenant is on that version of the plan already. @returns whether it changed */
  async put(tx: Transaction, tenantId: string, plan: Plan, reason: string): Promise<boolean> {
    const tenant = await this.tenants.lock(tx, tenantId);
    if (tenant.plan === plan.id && tenant.plan_version === plan.version) return false;
    const before = tenant.plan;
    await this.tenants.save(tx, Object.assign(tenant, { plan: plan.id, plan_version: plan.version }));
    await this.journal.record(tx, {
      tenantId,
      action: 'tenant.plan_changed',
      message: `Plan of '${tenant.name}' changed from ${before} to ${plan.id}: ${reason}`,
      object: { type: 'tenant', id: tenantId, name: tenant.name },
      details: { from: before, to: plan.id, version: plan.version },
    });
    await this.notifications.publish(tx, TENANT_CHANGED, { tenantId });
    return true;
  }
}
