import { Injectable } from '@nestjs/common';
import type { Role } from '../../common/permissions.js';
import type { Transaction } from '../../platform/database/index.js';
import { Session } from './session.entity.js';

export interface LiveSession {
  id: string;
  userId: string;
  tenantId: string;
  username: string;
  email: string;
  role: Role;
}

const LIVE = `
  SELECT s.id, s.user_id, s.tenant_id, u.username, u.email,
         CASE WHEN u.superadmin THEN 'superadmin' ELSE m.role END AS role
  FROM sessions s
  JOIN users u ON u.id = s.user_id AND NOT u.disabled
  JOIN memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id AND NOT m.disabled AND m.status = 'active'
  JOIN tenants t ON t.id = s.tenant_id AND (t.status = 'active' OR u.superadmin)
  WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()`;

/** Sessions, seen by system transactions. Every rule of who is signed in is in the one query. */
@Injectable()
export class SessionsRepository {
  async insert(tx: Transaction, session: Partial<Session> & { days: number }): Promise<void> {
    await tx.query(
      `INSERT INTO sessions (id, tenant_id, user_id, refresh_hash, address, user_agent, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(days => $7))`,
      [
        session.id,
        session.tenant_id,
        session.user_id,
        session.refresh_hash,
        session.address,
        session.user_agent,
        session.days,
      ],
    );
  }

  /** Null when the session has ended, or its person or tenant may not work any more. */
  async live(tx: Transaction, id: string): Promise<LiveSession | null> {
    const [row] = await tx.query(LIVE, [id]);
    if (!row) return null;
    const { user_id: userId, tenant_id: tenantId, username, email, role } = row;
    return { id, userId, tenantId, username, email, role };
  }

  find(tx: Transaction, id: string): Promise<Session | null> {
    return tx.getRepository(Session).findOneBy({ id });
  }

  /** Exchanges the current refresh token for the next one; of many at once one wins. */
  async rotate(tx: Transaction, id: string, oldHash: string, newHash: string): Promise<boolean> {
    const [rows] = await tx.query(
      `UPDATE sessions SET refresh_hash = $3, generation = generation + 1, refreshed_at = clock_timestamp()
       WHERE id = $1 AND refresh_hash = $2 AND ended_at IS NULL AND expires_at > clock_timestamp() RETURNING id`,
      [id, oldHash, newHash],
    );
    return rows.length === 1;
  }

  /** @returns ids of the sessions that this ended */
  async end(
    tx: Transaction,
    where: { id?: string; userId?: string; except?: string },
    reason: string,
  ): Promise<string[]> {
    const [rows] = await tx.query(
      `UPDATE sessions SET ended_at = clock_timestamp(), end_reason = $4
       WHERE ended_at IS NULL AND ($1::text IS NULL OR id = $1) AND ($2::text IS NULL OR user_id = $2)
         AND ($3::text IS NULL OR id <> $3) AND NOT ($1::text IS NULL AND $2::text IS NULL) RETURNING id`,
      [where.id ?? null, where.userId ?? null, where.except ?? null, reason],
    );
    return rows.map((r: { id: string }) => r.id);
  }

  async addCsrf(
    tx: Transaction,
    hash: string,
    tenantId: string,
    sessionId: string,
    seconds: number,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO csrf_tokens (hash, tenant_id, session_id, expires_at)
       VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))`,
      [hash, tenantId, sessionId, seconds],
    );
  }

  /** Uses a token up. @returns its session, or null when it is unknown, used or too old */
  async takeCsrf(tx: Transaction, hash: string): Promise<string | null> {
    const [rows] = await tx.query(
      'DELETE FROM csrf_tokens WHERE hash = $1 RETURNING session_id, expires_at > clock_timestamp() AS good',
      [hash],
    );
    return rows[0]?.good ? rows[0].session_id : null;
  }

  /** Removes what ended long ago. */
  async sweep(tx: Transaction): Promise<void> {
    await tx.query(
      `DELETE FROM sessions WHERE least(expires_at, coalesce(ended_at, 'infinity')) < clock_timestamp() - interval '30 days'`,
    );
    await tx.query('DELETE FROM csrf_tokens WHERE expires_at < clock_timestamp()');
    await tx.query(`DELETE FROM login_failures WHERE last_failure < clock_timestamp() - interval '1 day'`);
    await tx.query(`DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - interval '24 hours'`);
  }
}
