import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsIn, IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { PASSWORD_LENGTH } from '../../common/passwords.js';
import { ROLES, type Role, type TenantRole } from '../../common/permissions.js';
import { IsLine, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import { SettingsResponse } from '../settings/index.js';
import type { Account } from '../tenants/index.js';

export class AdminStatsResponse {
  /** @example 12 */
  tenants: number;
  /** @example 0 */
  suspended_tenants: number;
  /** @example 80 */
  users: number;
  /** @example 1 */
  superadmins: number;
  /** @example 40 */
  pools: number;
  /** @example 160 */
  backends: number;
  /** @example 90 */
  routes: number;
  /** @example 7 */
  open_sessions: number;
  /** @example 5000 */
  audit_entries: number;
  /** @example 42 */
  config_version: number;
  /** @example 12582912 */
  database_bytes: number;
  /**
   * Of this node.
   * @example 3600
   */
  uptime_seconds: number;
}

export class AdminUserQuery extends PageQuery {
  /**
   * Beginning of the e-mail address, in any case.
   * @example ada
   */
  @MayBeAbsent()
  @IsLine(254)
  search?: string;
}

export class CreateAdminUserRequest {
  /** @example ops@example.com */
  @IsEmail()
  @MaxLength(254)
  email: string;

  /**
   * `superadmin` for an operator of the installation; any other role is one inside `tenant_id`.
   * @example superadmin
   */
  @IsIn(ROLES)
  role: Role;

  /**
   * The tenant to work in; needed unless the role is superadmin, whose home is yours when it is left out.
   * @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  @MayBeAbsent()
  @Matches(/^tenant_[0-7][0-9a-hjkmnp-tv-z]{25}$/, {
    message: '$property must be an id of the form tenant_…',
  })
  tenant_id?: string;

  /** @example Grace */
  @MayBeAbsent()
  @IsLine(100)
  first_name?: string;

  /** @example Hopper */
  @MayBeAbsent()
  @IsLine(100)
  last_name?: string;

  /**
   * Needed for a superadmin; a member without one is invited.
   * @example a-long-enough-password
   */
  @MayBeAbsent()
  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  password?: string;
}

export class AdminMembership {
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** @example owner */
  role: TenantRole;
  /** @example active */
  status: 'active' | 'invited';
  /** @example false */
  disabled: boolean;
}

export class AdminUserResponse {
  /** @example user_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example ops@example.com */
  email: string;
  /** @example ops@example.com */
  username: string;
  /** @example Grace */
  first_name: string;
  /** @example Hopper */
  last_name: string;
  /**
   * The highest that the person has anywhere.
   * @example superadmin
   */
  role: Role;
  /** @example false */
  disabled: boolean;
  memberships: AdminMembership[];
  /** @example 2026-01-01T00:00:00.000Z */
  created_at: string;
  /**
   * Null before the first sign-in.
   * @example 2026-06-19T15:30:00.000Z
   */
  last_login: string | null;
  /**
   * Only in the answer to an invitation: hand it on, it is shown once.
   * @example 3q2-7wEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00
   */
  invitation_token?: string;

  static from(account: Account): AdminUserResponse {
    return {
      id: account.id,
      email: account.email,
      username: account.username,
      first_name: account.firstName,
      last_name: account.lastName,
      role: highestRole(account),
      disabled: account.disabled,
      memberships: account.memberships.map((m) => ({
        tenant_id: m.tenantId,
        role: m.role,
        status: m.status,
        disabled: m.disabled,
      })),
      created_at: account.createdAt.toISOString(),
      last_login: account.lastLogin?.toISOString() ?? null,
    };
  }
}

const highestRole = (account: Account): Role =>
  account.superadmin
    ? 'superadmin'
    : (account.memberships.map((m) => m.role).sort((a, b) => ROLES.indexOf(b) - ROLES.indexOf(a))[0] ??
      'viewer');

export class AdminConfigResponse {
  /** In effect on every node at once; PUT changes them. */
  settings: SettingsResponse;
  @ApiProperty({
    description: 'What this process was started with; secrets are masked, null is not set. Read only',
    type: 'object',
    additionalProperties: { type: 'string', nullable: true },
    example: { PORT: '8080', JWT_SECRET: '********', REDIS_URL: null },
  })
  environment: Record<string, string | null>;
}
