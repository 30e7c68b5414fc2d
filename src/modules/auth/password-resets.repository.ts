import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

/** Tokens for a new password, at most one a person. Every method takes a system transaction. */
@Injectable()
export class PasswordResetsRepository {
  /** Puts a token in the place of the person's last one. @returns when it ends */
  async issue(
    tx: Transaction,
    userId: string,
    token: { hash: string; byMail: boolean; seconds: number },
  ): Promise<Date> {
    const [row] = await tx.query(
      `INSERT INTO password_resets (user_id, token_hash, by_mail, expires_at)
       VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
       ON CONFLICT (user_id) DO UPDATE SET token_hash = $2, by_mail = $3, created_at = clock_timestamp(),
         expires_at = EXCLUDED.expires_at
       RETURNING expires_at`,
      [userId, token.hash, token.byMail, token.seconds],
    );
    return row.expires_at;
  }

  /** Whether the person was given one less than so many seconds ago. */
  async isRecent(tx: Transaction, userId: string, seconds: number): Promise<boolean> {
    const rows = await tx.query(
      `SELECT 1 FROM password_resets WHERE user_id = $1
         AND created_at > clock_timestamp() - make_interval(secs => $2)`,
      [userId, seconds],
    );
    return rows.length === 1;
  }

  /** Uses a token up; null when it is none, or too old. */
  async take(tx: Transaction, hash: string): Promise<{ userId: string; byMail: boolean } | null> {
    const [rows] = await tx.query(
      `DELETE FROM password_resets WHERE token_hash = $1
       RETURNING user_id AS "userId", by_mail AS "byMail", expires_at > clock_timestamp() AS good`,
      [hash],
    );
    const [row] = rows;
    return row?.good ? { userId: row.userId, byMail: row.byMail } : null;
  }
}
