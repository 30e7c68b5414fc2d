import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import type { SsoRole } from './oidc.dto.js';

export interface OidcConfigRow {
  tenant_id: string;
  provider_url: string;
  client_id: string;
  /** Encrypted; null for a public client. */
  client_secret: string | null;
  redirect_uri: string | null;
  scopes: string[];
  groups_claim: string;
  role_mapping: Record<string, SsoRole>;
  default_role: SsoRole;
  create_users: boolean;
  updated_at: Date;
}

/** A sign-in that has begun and is good for one use. */
export interface SignInRow {
  tenant_id: string;
  nonce: string;
  /** Encrypted. */
  code_verifier: string;
  redirect_uri: string;
  /** SHA-256, in hex, of what only the browser that began knows: its cookie, or its page's verifier. */
  browser_hash: string;
}

@Injectable()
export class OidcRepository {
  async config(tx: Transaction, tenantId: string): Promise<OidcConfigRow | null> {
    const [row] = await tx.query('SELECT * FROM oidc_configs WHERE tenant_id = $1', [tenantId]);
    return row ?? null;
  }

  async saveConfig(tx: Transaction, row: Omit<OidcConfigRow, 'updated_at'>): Promise<OidcConfigRow> {
    const { tenant_id, provider_url, client_id, client_secret, redirect_uri, scopes } = row;
    const { groups_claim, role_mapping, default_role, create_users } = row;
    const [saved] = await tx.query(
      `INSERT INTO oidc_configs (tenant_id, provider_url, client_id, client_secret, redirect_uri, scopes, groups_claim,
                                 role_mapping, default_role, create_users)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       ON CONFLICT (tenant_id) DO UPDATE SET provider_url = $2, client_id = $3, client_secret = $4, redirect_uri = $5,
         scopes = $6, groups_claim = $7, role_mapping = $8, default_role = $9, create_users = $10,
         updated_at = clock_timestamp()
       RETURNING *`,
      [
        tenant_id,
        provider_url,
        client_id,
        client_secret,
        redirect_uri,
        scopes,
        groups_claim,
        JSON.stringify(role_mapping),
        default_role,
        create_users,
      ],
    );
    return saved;
  }

  async deleteConfig(tx: Transaction, tenantId: string): Promise<boolean> {
    const [rows] = await tx.query('DELETE FROM oidc_configs WHERE tenant_id = $1 RETURNING tenant_id', [
      tenantId,
    ]);
    return rows.length === 1;
  }

  /** Forgets sign-ins that were begun and not ended in time, too. */
  async begin(tx: Transaction, stateHash: string, row: SignInRow, seconds: number): Promise<void> {
    await tx.query('DELETE FROM oidc_sign_ins WHERE tenant_id = $1 AND expires_at < clock_timestamp()', [
      row.tenant_id,
    ]);
    await tx.query(
      `INSERT INTO oidc_sign_ins (state_hash, tenant_id, nonce, code_verifier, redirect_uri, browser_hash, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7))`,
      [stateHash, row.tenant_id, row.nonce, row.code_verifier, row.redirect_uri, row.browser_hash, seconds],
    );
  }

  /** Uses a sign-in up. Null when there is none of the tenant's, or it is too old. */
  async take(tx: Transaction, tenantId: string, stateHash: string): Promise<SignInRow | null> {
    const [rows] = await tx.query(
      `DELETE FROM oidc_sign_ins WHERE tenant_id = $1 AND state_hash = $2
       RETURNING tenant_id, nonce, code_verifier, redirect_uri, browser_hash, expires_at > clock_timestamp() AS good`,
      [tenantId, stateHash],
    );
    return rows[0]?.good ? rows[0] : null;
  }

  /** Makes first sign-ins to the tenant wait for each other until the transaction ends. */
  async lockFirstSignIns(tx: Transaction, tenantId: string): Promise<void> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('oidc sign-in ' || $1, 0))`, [tenantId]);
  }

  /** Whether the provider knows this account as somebody already. */
  async isLinked(tx: Transaction, tenantId: string, issuer: string, userId: string): Promise<boolean> {
    const rows = await tx.query(
      'SELECT 1 FROM oidc_identities WHERE tenant_id = $1 AND issuer = $2 AND user_id = $3 LIMIT 1',
      [tenantId, issuer, userId],
    );
    return rows.length === 1;
  }

  async userOf(tx: Transaction, tenantId: string, issuer: string, subject: string): Promise<string | null> {
    const [row] = await tx.query(
      'SELECT user_id FROM oidc_identities WHERE tenant_id = $1 AND issuer = $2 AND subject = $3',
      [tenantId, issuer, subject],
    );
    return row?.user_id ?? null;
  }

  async link(
    tx: Transaction,
    tenantId: string,
    issuer: string,
    subject: string,
    userId: string,
  ): Promise<void> {
    await tx.query(
      'INSERT INTO oidc_identities (tenant_id, issuer, subject, user_id) VALUES ($1, $2, $3, $4)',
      [tenantId, issuer, subject, userId],
    );
  }

  /** A changed provider vouches for nobody whom the one before did, and ends no sign-in that began there. */
  async unlinkAll(tx: Transaction, tenantId: string): Promise<void> {
    await tx.query('DELETE FROM oidc_identities WHERE tenant_id = $1', [tenantId]);
    await tx.query('DELETE FROM oidc_sign_ins WHERE tenant_id = $1', [tenantId]);
  }
}
