import { Transform } from 'class-transformer';
import { IsEmail, IsString, MaxLength, MinLength, ValidateIf } from 'class-validator';
import { PASSWORD_LENGTH } from '../../common/passwords.js';
import type { Role } from '../../common/permissions.js';
import { AllMayBeAbsent, IsLine, MayBeAbsent } from '../../platform/http/index.js';

const trimmed = ({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value);

export class LoginRequest {
  /**
   * User name or e-mail address; or send `email`.
   * @example admin
   */
  @ValidateIf((o: LoginRequest) => o.username !== undefined || o.email === undefined)
  @Transform(trimmed)
  @IsString()
  @MinLength(1)
  @MaxLength(254)
  username?: string;

  /**
   * E-mail address or user name; or send `username`.
   * @example user@example.com
   */
  @MayBeAbsent()
  @Transform(trimmed)
  @IsString()
  @MinLength(1)
  @MaxLength(254)
  email?: string;

  /** @example your_password */
  @IsString()
  @MinLength(1)
  @MaxLength(PASSWORD_LENGTH.max)
  password: string;

  /**
   * The tenant to work in, for people who belong to several.
   * @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(64)
  tenant_id?: string;

  /**
   * To join the tenant of `tenant_id`, which has invited the address of this account.
   * @example 3q2-7wEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(128)
  invitation_token?: string;
}

export class RegisterRequest {
  /** @example newuser@example.com */
  @Transform(trimmed)
  @IsEmail()
  @MaxLength(254)
  email: string;

  /**
   * 8 to 256 characters.
   * @example a-long-enough-password
   */
  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  password: string;

  /**
   * First and last name in one, instead of the two fields.
   * @example "Jane Smith"
   */
  @MayBeAbsent()
  @IsLine(200)
  name?: string;

  /** @example Jane */
  @MayBeAbsent()
  @IsLine(100)
  first_name?: string;

  /** @example Smith */
  @MayBeAbsent()
  @IsLine(100)
  last_name?: string;

  /**
   * Name of the new tenant; your own name when it is left out.
   * @example "Acme Corp"
   */
  @MayBeAbsent()
  @IsLine(120)
  tenant_name?: string;

  /**
   * Join this tenant instead of making one: it must have invited you or allow your e-mail's domain.
   * @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(64)
  tenant_id?: string;

  /**
   * From whoever invited you.
   * @example 3q2-7wEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(128)
  invitation_token?: string;
}

export class RefreshRequest {
  /**
   * Or send it, or a still valid access token, as `Authorization: Bearer`.
   * @example refresh_session_01jz3k5v8hf0vbn2x4q6t8w0ya.3q2EXAMPLE
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(4096)
  refresh_token?: string;
}

export class SessionUser {
  /** @example user_01jz3k5v8hf0vbn2x4q6t8w0ya */
  user_id: string;
  /** @example user@example.com */
  email: string;
  /** @example user@example.com */
  username: string;
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** @example admin */
  role: Role;
  /** @example John */
  first_name: string;
  /** @example Doe */
  last_name: string;
}

export class SessionResponse {
  /** @example true */
  success: boolean;
  /**
   * Access token, the same as `access_token`.
   * @example eyJhbGciOiJIUzI1NiJ9.e30.signature
   */
  token: string;
  /** @example eyJhbGciOiJIUzI1NiJ9.e30.signature */
  access_token: string;
  /** @example bearer */
  token_type: string;
  /**
   * Good for one use. Absent when an access token was exchanged.
   * @example refresh_session_01jz3k5v8hf0vbn2x4q6t8w0ya.3q2EXAMPLE
   */
  refresh_token?: string;
  /**
   * Seconds until the access token expires.
   * @example 1800
   */
  expires_in: number;
  user: SessionUser;
}

export class RegisterResponse extends SessionResponse {
  /** @example user_01jz3k5v8hf0vbn2x4q6t8w0ya */
  user_id: string;
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
}

export class LogoutResponse {
  /** @example true */
  success: boolean;
  /** @example "Signed out" */
  message: string;
}

export class MeResponse {
  /** @example admin */
  username: string;
  /** @example admin@cluster-ai.local */
  email: string;
  /** @example Administrator */
  full_name: string;
  /** @example false */
  disabled: boolean;
  /** @example user_01jz3k5v8hf0vbn2x4q6t8w0ya */
  user_id: string;
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** @example owner */
  role: Role;
}

export class CsrfResponse {
  /**
   * Opens one dashboard WebSocket, once.
   * @example 3q2-7wEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00
   */
  csrf_token: string;
  /**
   * Seconds.
   * @example 3600
   */
  expires_in: number;
}

export class ProfileResponse extends SessionUser {
  /** @example 2026-06-19T10:00:00.000Z */
  created_at: string;
  /**
   * Null before the first sign-in.
   * @example 2026-06-19T15:30:00.000Z
   */
  last_login: string | null;
}

class ProfileFields {
  /** @example Grace */
  @IsLine(100)
  first_name: string;

  /** @example Hopper */
  @IsLine(100)
  last_name: string;
}

export class UpdateProfileRequest extends AllMayBeAbsent(ProfileFields) {}

export class ChangePasswordRequest {
  /** @example the-old-password */
  @IsString()
  @MinLength(1)
  @MaxLength(PASSWORD_LENGTH.max)
  current_password: string;

  /**
   * 8 to 256 characters.
   * @example a-better-password
   */
  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  new_password: string;
}

export class ChangePasswordResponse {
  /** @example true */
  success: boolean;
  /** @example "Password changed; your other sessions have ended" */
  message: string;
}

export class ForgotPasswordRequest {
  /** @example user@example.com */
  @Transform(trimmed)
  @IsEmail()
  @MaxLength(254)
  email: string;
}

export class ResetPasswordRequest {
  /** @example 3q2-7wEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00 */
  @IsString()
  @MinLength(1)
  @MaxLength(128)
  token: string;

  /**
   * 8 to 256 characters.
   * @example a-long-enough-password
   */
  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  new_password: string;
}

export class PasswordResetResponse {
  /**
   * Hand it on to the person; it is shown once and good for one use.
   * @example 3q2-7wEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00
   */
  reset_token: string;
  /** @example 2026-06-20T15:30:00.000Z */
  expires_at: string;
}
