export { type Account, Accounts, type Registration } from './accounts.service.js';
export { MEMBERSHIP_CHANGED, type MembershipChanged, splitName } from './members.service.js';
export { PlanLimits } from './plan-limits.js';
export { PLAN_LIMITS, PLANS, type PlanId, type PlanLimitValues } from './plans.js';
export { currentMonth, requireTenant } from './tenant-scope.js';
export { TenantsModule } from './tenants.module.js';
export { TENANT_CHANGED, TenantsService } from './tenants.service.js';
