import { forbidden } from '../../common/errors.js';
import { type Permission, type Role, roleAllows } from '../../common/permissions.js';

/** Who calls: a signed-in user or an API key, working inside one tenant. */
export interface Principal {
  readonly userId: string;
  /** The session, or the API key; what rate limits count by and what a logout ends. */
  readonly sessionId: string;
  readonly tenantId: string;
  readonly role: Role;
  readonly username: string;
  readonly email: string;
  readonly kind: 'session' | 'api_key';
  /** Permissions that an API key is limited to; null: all of its role. */
  readonly scopes: readonly string[] | null;
  /** When the credential ends (Unix time, seconds). */
  readonly expiresAt: number;
}

/** @param permission null: for everybody. @throws AppError 403 when the role or the API key's scopes lack it */
export function requirePermission(principal: Principal, permission: Permission | null): void {
  if (permission === null) return;
  if (!roleAllows(principal.role, permission))
    throw forbidden(`Your role (${principal.role}) lacks ${permission}`);
  if (principal.kind === 'api_key' && permission.startsWith('profile.'))
    throw forbidden('An API key has no profile and no session; sign in');
  if (principal.scopes && !principal.scopes.includes(permission))
    throw forbidden(`This API key's scopes lack ${permission}`);
}

/**
 * Turns a credential into the one who calls; the auth module provides it.
 * @throws AppError 401 when it is not valid (any more)
 */
export abstract class Authenticator {
  abstract authenticate(credential: string): Promise<Principal>;

  /** Whether there is such a tenant. */
  abstract knowsTenant(tenantId: string): Promise<boolean>;
}

/** The tenant whose data somebody sees; null: everybody's. */
export type View = string | null;

/** Superadmins see everybody's data, the others their tenant's. */
export const viewOf = (principal: Principal): View =>
  principal.role === 'superadmin' ? null : principal.tenantId;
