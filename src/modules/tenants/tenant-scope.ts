import { notFound } from '../../common/errors.js';
import type { Principal } from '../../platform/security/index.js';

/**
 * A path's tenant is the caller's own, or the caller is a superadmin.
 * @throws AppError 404 for every other one: its existence is not told
 */
export function requireTenant(principal: Principal, tenantId: string): void {
  if (principal.tenantId !== tenantId && principal.role !== 'superadmin') throw notFound('Tenant', tenantId);
}

/** First instants of this and the next calendar month, UTC. */
export function currentMonth(now = new Date()): { start: Date; end: Date } {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  return { start: new Date(Date.UTC(year, month, 1)), end: new Date(Date.UTC(year, month + 1, 1)) };
}
