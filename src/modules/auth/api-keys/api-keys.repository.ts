import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import type { Role } from '../../../common/permissions.js';
import type { Transaction } from '../../../platform/database/index.js';

export interface ApiKeyRow {
  id: string;
  tenant_id: string;
  user_id: string;
  name: string;
  role: Role;
  scopes: string[];
  hint: string;
  created_by: string;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}

/** A key that may be used, with what the person who made it is now. */
export interface LiveKey {
  id: string;
  tenantId: string;
  userId: string;
  name: string;
  username: string;
  email: string;
  role: Role;
  holderRole: Role;
  scopes: string[];
  expiresAt: Date | null;
}

const COLUMNS = `k.id, k.tenant_id, k.user_id, k.name, k.role, k.scopes, k.hint, u.email AS created_by, k.created_at,
  k.expires_at, k.last_used_at`;

/** All of it takes a system transaction: a key is looked up before it is known whose it is. */
@Injectable()
export class ApiKeysRepository {
  async insert(
    tx: Transaction,
    key: Omit<ApiKeyRow, 'created_at' | 'last_used_at' | 'created_by'> & { hash: string },
  ): Promise<ApiKeyRow> {
    const { id, tenant_id, user_id, name, role, scopes, hash, hint, expires_at } = key;
    await tx.query(
      `INSERT INTO api_keys (id, tenant_id, user_id, name, role, scopes, hash, hint, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [id, tenant_id, user_id, name, role, scopes, hash, hint, expires_at],
    );
    return (await this.get(tx, tenant_id, id))!;
  }

  /** How many the tenant has; whoever else would add one waits until the transaction ends. */
  async lockedCount(tx: Transaction, tenantId: string): Promise<number> {
    await tx.query('SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE', [tenantId]);
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM api_keys WHERE tenant_id = $1', [
      tenantId,
    ]);
    return n;
  }

  async page(tx: Transaction, tenantId: string, request: PageRequest): Promise<Page<ApiKeyRow>> {
    const rows = await tx.query(
      `SELECT ${COLUMNS} FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.tenant_id = $1
       ORDER BY k.created_at, k.id LIMIT $2 OFFSET $3`,
      [tenantId, request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM api_keys WHERE tenant_id = $1', [
      tenantId,
    ]);
    return new Page(rows, n, request.page, request.limit);
  }

  async get(tx: Transaction, tenantId: string, id: string): Promise<ApiKeyRow | null> {
    const [row] = await tx.query(
      `SELECT ${COLUMNS} FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.tenant_id = $1 AND k.id = $2`,
      [tenantId, id],
    );
    return row ?? null;
  }

  async delete(tx: Transaction, tenantId: string, id: string): Promise<void> {
    await tx.query('DELETE FROM api_keys WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
  }

  /** Null when there is no such key, it has expired, or its maker or tenant may not work any more. */
  async live(tx: Transaction, hash: string): Promise<LiveKey | null> {
    const [row] = await tx.query(
      `SELECT k.id, k.tenant_id AS "tenantId", k.user_id AS "userId", k.name, k.role, k.scopes,
              k.expires_at AS "expiresAt", u.username, u.email,
              CASE WHEN u.superadmin THEN 'superadmin' ELSE m.role END AS "holderRole"
       FROM api_keys k
       JOIN users u ON u.id = k.user_id AND NOT u.disabled
       JOIN tenants t ON t.id = k.tenant_id AND (t.status = 'active' OR u.superadmin)
       LEFT JOIN memberships m ON m.tenant_id = k.tenant_id AND m.user_id = k.user_id
            AND NOT m.disabled AND m.status = 'active'
       WHERE k.hash = $1 AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
         AND (u.superadmin OR m.user_id IS NOT NULL)`,
      [hash],
    );
    return row ?? null;
  }

  /** Notes that these keys were used. */
  async touch(tx: Transaction, ids: string[]): Promise<void> {
    await tx.query('UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = ANY ($1)', [ids]);
  }
}
