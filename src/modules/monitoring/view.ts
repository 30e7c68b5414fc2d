import type { Principal } from '../../platform/security/index.js';

/** Whose data somebody sees: their tenant's, or, for a superadmin, everybody's (null). */
export const viewOf = (principal: Principal): string | null =>
  principal.role === 'superadmin' ? null : principal.tenantId;
