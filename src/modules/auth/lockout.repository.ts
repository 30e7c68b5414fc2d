import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

/** How long an account stays locked, and after how long without a failure counting starts anew. */
export const LOCK_MINUTES = 15;

export interface Attempt {
  /** Failures in a row, this attempt counted as one until it succeeds. */
  failures: number;
  lockedSeconds: number;
}

/**
 * Failed sign-ins by account, for names that do not exist too. An attempt is counted before the password is checked,
 * in one statement: many guesses at once cannot slip through between reading and writing.
 */
@Injectable()
export class LockoutRepository {
  async begin(tx: Transaction, account: string, max: number): Promise<Attempt> {
    const [row] = await tx.query(
      `INSERT INTO login_failures AS f (account, failures) VALUES ($1, 1)
       ON CONFLICT (account) DO UPDATE SET
         failures = CASE
           WHEN f.locked_until > clock_timestamp() THEN f.failures
           WHEN f.locked_until IS NOT NULL OR f.last_failure < clock_timestamp() - interval '${LOCK_MINUTES} minutes' THEN 1
           ELSE f.failures + 1 END,
         locked_until = CASE
           WHEN f.locked_until > clock_timestamp() THEN f.locked_until
           WHEN f.locked_until IS NULL AND f.failures >= $2 AND f.last_failure >= clock_timestamp() - interval '${LOCK_MINUTES} minutes'
             THEN clock_timestamp() + interval '${LOCK_MINUTES} minutes'
           ELSE NULL END,
         last_failure = clock_timestamp()
       RETURNING failures, ceil(extract(epoch FROM locked_until - clock_timestamp()))::int AS locked_seconds`,
      [account, max],
    );
    return { failures: row.failures, lockedSeconds: Math.max(0, row.locked_seconds ?? 0) };
  }

  /** After a failure: the one that reaches `max` locks the account. */
  async lockWhenReached(tx: Transaction, account: string, max: number): Promise<void> {
    await tx.query(
      `UPDATE login_failures SET locked_until = clock_timestamp() + interval '${LOCK_MINUTES} minutes'
       WHERE account = $1 AND failures >= $2 AND locked_until IS NULL`,
      [account, max],
    );
  }

  async clear(tx: Transaction, account: string): Promise<void> {
    await tx.query('DELETE FROM login_failures WHERE account = $1', [account]);
  }
}
