import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { columnsOf, type Transaction } from '../../platform/database/index.js';
import { EnrollmentToken } from './enrollment-token.entity.js';

export const TOKEN_STATES = ['open', 'used', 'revoked', 'expired'] as const;
export type TokenState = (typeof TOKEN_STATES)[number];

/** A token, and what the clock makes of it. */
export interface EnrollmentTokenRow extends Omit<EnrollmentToken, 'token_hash'> {
  state: TokenState;
}

const COLUMNS = `${columnsOf(EnrollmentToken)},
  CASE WHEN used_at IS NOT NULL THEN 'used' WHEN revoked_at IS NOT NULL THEN 'revoked'
       WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'open' END AS state`;
const FORGET_AFTER = '30 days';

/** Enrolment tokens, by their hashes; all of it takes a system transaction. */
@Injectable()
export class EnrollmentTokensRepository {
  /** Also clears tokens that ended long ago. */
  async create(
    tx: Transaction,
    token: { hash: string; description: string; createdBy: string; lifetimeMs: number },
  ): Promise<EnrollmentTokenRow> {
    await tx.query(
      `DELETE FROM enrollment_tokens WHERE expires_at < clock_timestamp() - interval '${FORGET_AFTER}'`,
    );
    const [row] = await tx.query(
      `INSERT INTO enrollment_tokens (id, token_hash, description, created_by, expires_at)
       VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) RETURNING ${COLUMNS}`,
      [newId('enrollment'), token.hash, token.description, token.createdBy, token.lifetimeMs / 1000],
    );
    return row;
  }

  async page(tx: Transaction, request: PageRequest): Promise<Page<EnrollmentTokenRow>> {
    const items: EnrollmentTokenRow[] = await tx.query(
      `SELECT ${COLUMNS} FROM enrollment_tokens ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2`,
      [request.limit, offsetOf(request)],
    );
    return new Page(items, await tx.getRepository(EnrollmentToken).count(), request.page, request.limit);
  }

  async get(tx: Transaction, id: string): Promise<EnrollmentTokenRow | null> {
    const [row] = await tx.query(`SELECT ${COLUMNS} FROM enrollment_tokens WHERE id = $1`, [id]);
    return row ?? null;
  }

  /** Uses an open token up: of several at once, one wins. @returns its id; null when it is not open */
  async consume(tx: Transaction, hash: string): Promise<string | null> {
    const [rows] = await tx.query(
      `UPDATE enrollment_tokens SET used_at = clock_timestamp()
       WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()
       RETURNING id`,
      [hash],
    );
    return rows[0]?.id ?? null;
  }

  async setWorker(tx: Transaction, id: string, worker: { id: string; name: string }): Promise<void> {
    await tx
      .getRepository(EnrollmentToken)
      .update({ id }, { worker_id: worker.id, worker_name: worker.name });
  }

  /** @returns false when it was used already */
  async revoke(tx: Transaction, id: string): Promise<boolean> {
    const [rows] = await tx.query(
      `UPDATE enrollment_tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())
       WHERE id = $1 AND used_at IS NULL RETURNING id`,
      [id],
    );
    return rows.length > 0;
  }
}
