import { IsBoolean, IsEmail, IsIn, IsString, MaxLength, MinLength } from 'class-validator';
import { PASSWORD_LENGTH } from '../../common/passwords.js';
import { type Role, TENANT_ROLES, type TenantRole } from '../../common/permissions.js';
import { AllMayBeAbsent, IsLine, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import type { Membership } from './membership.entity.js';

export class AddUserRequest {
  /** @example user@example.com */
  @IsEmail()
  @MaxLength(254)
  email: string;

  /** @example viewer */
  @IsIn(TENANT_ROLES)
  role: TenantRole;

  /**
   * First and last name in one, instead of the two fields.
   * @example "John Doe"
   */
  @MayBeAbsent()
  @IsLine(200)
  name?: string;

  /** @example John */
  @MayBeAbsent()
  @IsLine(100)
  first_name?: string;

  /** @example Doe */
  @MayBeAbsent()
  @IsLine(100)
  last_name?: string;

  /**
   * Without one the person is invited: the answer carries `invitation_token`, with which they register, or sign in when
   * the address has an account already (its password stays what it is).
   * @example secure_password
   */
  @MayBeAbsent()
  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  password?: string;
}

export class UserListQuery extends PageQuery {
  /**
   * Beginning of an e-mail address or of a name, in any case.
   * @example ada
   */
  @MayBeAbsent()
  @IsLine(254)
  search?: string;

  /** @example viewer */
  @MayBeAbsent()
  @IsIn(TENANT_ROLES)
  role?: TenantRole;

  /** @example invited */
  @MayBeAbsent()
  @IsIn(['active', 'invited'])
  status?: 'active' | 'invited';
}

class UserFields {
  /** @example admin */
  @IsIn(TENANT_ROLES)
  role: TenantRole;

  /** @example John */
  @IsLine(100)
  first_name: string;

  /** @example Doe */
  @IsLine(100)
  last_name: string;

  /**
   * A disabled person cannot sign in to this tenant; sessions end at once.
   * @example false
   */
  @IsBoolean()
  disabled: boolean;
}

export class UpdateUserRequest extends AllMayBeAbsent(UserFields) {}

export class UserResponse {
  /** @example user_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example user@example.com */
  email: string;
  /** @example John */
  first_name: string;
  /** @example Doe */
  last_name: string;
  /** @example viewer */
  role: Role;
  /** @example active */
  status: 'active' | 'invited';
  /** @example false */
  disabled: boolean;
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

  static from(member: Membership): UserResponse {
    const { user } = member;
    return {
      id: user.id,
      email: user.email,
      first_name: user.first_name,
      last_name: user.last_name,
      role: user.superadmin ? 'superadmin' : member.role,
      status: member.status,
      disabled: member.disabled || user.disabled,
      created_at: member.created_at.toISOString(),
      last_login: user.last_login?.toISOString() ?? null,
    };
  }
}
