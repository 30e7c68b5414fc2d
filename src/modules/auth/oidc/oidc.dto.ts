import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayContains,
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsObject,
  IsString,
  Matches,
  MaxLength,
  MinLength,
} from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/index.js';
import type { OidcConfigRow } from './oidc.repository.js';

/** Single sign-on gives at most this: owners and superadmins sign in with their own password. */
export const SSO_ROLES = ['viewer', 'member', 'admin'] as const;
export type SsoRole = (typeof SSO_ROLES)[number];

const MAPPING = {
  type: 'object' as const,
  additionalProperties: { type: 'string', enum: ['viewer', 'member', 'admin'] as string[] },
  example: { operators: 'admin', developers: 'member' },
};

export class OidcConfigRequest {
  /**
   * The provider's issuer URL: https, and no private, loopback, link-local or metadata address.
   * @example https://auth.example.com
   */
  @IsString()
  @MaxLength(500)
  @Matches(/^(?!.*\/\.well-known\/)[^?#\s]*$/, {
    message: '$property must be the issuer itself: without a query, a fragment or /.well-known/',
  })
  provider_url: string;

  /** @example your_client_id */
  @IsString()
  @MinLength(1)
  @MaxLength(300)
  client_id: string;

  /**
   * Never shown again. Left out, the one that is stored stays, unless `provider_url` changes.
   * @example your_client_secret
   */
  @MayBeAbsent()
  @IsString()
  @MinLength(1)
  @MaxLength(1000)
  client_secret?: string;

  /**
   * Where the provider sends people back. Left out: this API's own callback. When it is a page of yours, that page
   * hands `code`, `state` and `iss` on to the callback; on another origin than this API's it also begins the sign-in,
   * with `browser_challenge`, and adds `browser_verifier`.
   * @example https://app.example.com/callback
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(500)
  @Matches(/^https:\/\/[^\s#?]+$|^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\/[^\s#?]*$/, {
    message: '$property must be an https URL without a query or fragment; http for localhost only',
  })
  redirect_uri?: string;

  /**
   * `openid profile email` when not given.
   * @example ["openid", "profile", "email"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(20)
  @ArrayUnique()
  @ArrayContains(['openid'], { message: '$property must contain openid' })
  @Matches(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, { each: true })
  scopes?: string[];

  /**
   * Name of the claim that holds a person's groups.
   * @example groups
   */
  @MayBeAbsent()
  @IsString()
  @MinLength(1)
  @MaxLength(100)
  groups_claim?: string;

  @ApiPropertyOptional({
    description:
      'Role by group; of several the highest counts. With a mapping, roles follow it at every sign-in',
    ...MAPPING,
  })
  @MayBeAbsent()
  @IsObject()
  role_mapping?: Record<string, SsoRole>;

  /**
   * For people in no mapped group; `viewer` when not given.
   * @example viewer
   */
  @MayBeAbsent()
  @IsIn(SSO_ROLES)
  default_role?: SsoRole;

  /**
   * Whether people with a verified e-mail address of the tenant's domains are added at their first sign-in; true when
   * not given.
   * @example true
   */
  @MayBeAbsent()
  @IsBoolean()
  create_users?: boolean;
}

export class OidcConfigResponse {
  /** @example https://auth.example.com */
  provider_url: string;
  /** @example your_client_id */
  client_id: string;
  /**
   * Whether a client secret is stored.
   * @example true
   */
  has_client_secret: boolean;
  /** @example https://app.example.com/callback */
  redirect_uri: string;
  /** @example ["openid", "profile", "email"] */
  scopes: string[];
  /** @example groups */
  groups_claim: string;
  @ApiProperty(MAPPING)
  role_mapping: Record<string, SsoRole>;
  /** @example viewer */
  default_role: SsoRole;
  /** @example true */
  create_users: boolean;
  /**
   * Where people begin to sign in.
   * @example https://api.example.com/api/auth/oidc/tenant_01jz3k5v8hf0vbn2x4q6t8w0ya/login
   */
  login_url: string;
  /** @example 2026-06-19T10:00:00.000Z */
  updated_at: string;

  static from(row: OidcConfigRow, base: string): OidcConfigResponse {
    const own = `${base}/api/auth/oidc/${row.tenant_id}`;
    const { provider_url, client_id, scopes, groups_claim, role_mapping, default_role, create_users } = row;
    return {
      provider_url,
      client_id,
      has_client_secret: row.client_secret !== null,
      redirect_uri: row.redirect_uri ?? `${own}/callback`,
      scopes,
      groups_claim,
      role_mapping,
      default_role,
      create_users,
      login_url: `${own}/login`,
      updated_at: row.updated_at.toISOString(),
    };
  }
}

export class OidcLoginQuery {
  /**
   * For a page on another origin than this API's, where the cookie that ties a sign-in to its browser does not go:
   * BASE64URL(SHA-256(`browser_verifier`)) of 43 to 128 random characters that the page keeps until the callback.
   * @example E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
   */
  @MayBeAbsent()
  @Matches(/^[\w-]{43}$/, { message: '$property must be a SHA-256 in base64url' })
  browser_challenge?: string;
}

export class OidcCheck {
  /** @example discovery */
  name: 'address' | 'discovery' | 'issuer' | 'endpoints' | 'pkce' | 'keys';
  /** @example true */
  ok: boolean;
  /** @example "the provider describes itself" */
  message: string;
}

export class OidcTestResponse {
  /** @example true */
  success: boolean;
  /**
   * What is wrong; null when all is well.
   * @example null
   */
  error: string | null;
  /**
   * What kind of thing is wrong; null when all is well.
   * @example null
   */
  error_code:
    | 'blocked_address'
    | 'dns'
    | 'refused'
    | 'timeout'
    | 'tls'
    | 'too_large'
    | 'redirect'
    | 'http_status'
    | 'not_json'
    | 'issuer_mismatch'
    | 'missing_endpoint'
    | 'no_pkce'
    | 'no_keys'
    | null;
  /** In order, up to the first that fails. */
  checks: OidcCheck[];
}
