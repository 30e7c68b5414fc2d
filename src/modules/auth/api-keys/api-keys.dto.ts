import { ArrayMaxSize, ArrayMinSize, ArrayUnique, IsArray, IsIn } from 'class-validator';
import { PERMISSIONS, ROLES, type Role } from '../../../common/permissions.js';
import { IsLine, IsTime, MayBeAbsent } from '../../../platform/http/index.js';
import type { ApiKeyRow } from './api-keys.repository.js';

/** A key is for programs: what a person does with themselves it never may. */
export const KEY_PERMISSIONS = Object.keys(PERMISSIONS).filter((p) => !p.startsWith('profile.'));

export class CreateApiKeyRequest {
  /** @example deployment */
  @IsLine(100)
  name: string;

  /**
   * At most your own.
   * @example member
   */
  @IsIn(ROLES)
  role: Role;

  /**
   * Permissions that the key is limited to, as `x-permission` names them; all of its role when left out.
   * @example ["pools.read", "pools.write"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @ArrayUnique()
  @IsIn(KEY_PERMISSIONS, { each: true })
  scopes?: string[];

  /**
   * Never when left out.
   * @example 2027-06-19T00:00:00Z
   */
  @MayBeAbsent()
  @IsTime()
  expires_at?: string;
}

export class ApiKeyResponse {
  /** @example apikey_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example deployment */
  name: string;
  /**
   * The beginning of the key, to tell keys apart.
   * @example vf_Zx8
   */
  hint: string;
  /** @example member */
  role: Role;
  /** @example ["pools.read", "pools.write"] */
  scopes: string[];
  /** @example owner@example.com */
  created_by: string;
  /** @example 2026-06-19T10:00:00.000Z */
  created_at: string;
  /**
   * Null: never.
   * @example 2027-06-19T00:00:00.000Z
   */
  expires_at: string | null;
  /**
   * To the minute; null: never.
   * @example 2026-06-19T15:30:00.000Z
   */
  last_used_at: string | null;

  static from(row: ApiKeyRow): ApiKeyResponse {
    const { id, name, hint, role, scopes, created_by } = row;
    return {
      id,
      name,
      hint,
      role,
      scopes,
      created_by,
      created_at: row.created_at.toISOString(),
      expires_at: row.expires_at?.toISOString() ?? null,
      last_used_at: row.last_used_at?.toISOString() ?? null,
    };
  }
}

export class CreateApiKeyResponse extends ApiKeyResponse {
  /**
   * Shown this once. Send it as `Authorization: Bearer` or `X-API-Key`.
   * @example vf_Zx8EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMP
   */
  key: string;
}
