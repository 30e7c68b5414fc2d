import type { Role } from '../../common/permissions.js';
import type { Principal } from '../../platform/security/index.js';
import type { Account } from '../tenants/index.js';
import type { MeResponse, ProfileResponse, SessionResponse, SessionUser } from './auth.dto.js';
import type { SignedIn } from './auth.service.js';

const roleIn = (account: Account, tenantId: string): Role =>
  account.superadmin
    ? 'superadmin'
    : (account.memberships.find((m) => m.tenantId === tenantId)?.role ?? 'viewer');

const sessionUser = (account: Account, tenantId: string): SessionUser => ({
  user_id: account.id,
  email: account.email,
  username: account.username,
  tenant_id: tenantId,
  role: roleIn(account, tenantId),
  first_name: account.firstName,
  last_name: account.lastName,
});

export function sessionResponse({ tokens, account, tenantId }: SignedIn): SessionResponse {
  return {
    success: true,
    token: tokens.accessToken,
    access_token: tokens.accessToken,
    token_type: 'bearer',
    ...(tokens.refreshToken && { refresh_token: tokens.refreshToken }),
    expires_in: tokens.expiresIn,
    user: sessionUser(account, tenantId),
  };
}

export const meResponse = (account: Account, principal: Principal): MeResponse => ({
  username: account.username,
  email: account.email,
  full_name: `${account.firstName} ${account.lastName}`.trim(),
  disabled: account.disabled,
  user_id: account.id,
  tenant_id: principal.tenantId,
  role: principal.role,
});

export const profileResponse = (account: Account, principal: Principal): ProfileResponse => ({
  ...sessionUser(account, principal.tenantId),
  role: principal.role,
  created_at: account.createdAt.toISOString(),
  last_login: account.lastLogin?.toISOString() ?? null,
});
