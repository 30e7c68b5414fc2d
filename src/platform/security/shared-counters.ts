import type { Database } from '../database/index.js';

/** Requests to add to the window of a key. */
export interface Addition {
  key: string;
  hits: number;
  /** What is left of the window where the requests came in; the length of a window that begins with them. */
  windowMs: number;
}
export interface SharedWindow {
  key: string;
  /** Requests of all nodes in the window, these included. */
  hits: number;
  /** Until the window ends. */
  msLeft: number;
}

/** Fixed windows that all nodes count in; they end by the database's clock. */
export interface SharedCounters {
  /** Adds atomically; no key twice. */
  add(additions: readonly Addition[]): Promise<SharedWindow[]>;
  /** Forgets windows that have ended. */
  sweep(): Promise<void>;
}

export class PostgresCounters implements SharedCounters {
  constructor(private readonly database: Database) {}

  /** In the order of the keys, so that two nodes never wait for each other. */
  async add(additions: readonly Addition[]): Promise<SharedWindow[]> {
    return this.database.system((tx) =>
      tx.query(
        `INSERT INTO rate_limit_windows AS w (key, hits, ends_at)
         SELECT key, hits, clock_timestamp() + make_interval(secs => ms / 1000)
         FROM unnest($1::text[], $2::int[], $3::float8[]) AS a (key, hits, ms) ORDER BY key
         ON CONFLICT (key) DO UPDATE SET
           hits = CASE WHEN w.ends_at > clock_timestamp() THEN w.hits + EXCLUDED.hits ELSE EXCLUDED.hits END,
           ends_at = CASE WHEN w.ends_at > clock_timestamp() THEN w.ends_at ELSE EXCLUDED.ends_at END
         RETURNING key, hits::float8 AS hits,
           greatest(0, extract(epoch FROM ends_at - clock_timestamp()) * 1000)::float8 AS "msLeft"`,
        [additions.map((a) => a.key), additions.map((a) => a.hits), additions.map((a) => a.windowMs)],
      ),
    );
  }

  async sweep(): Promise<void> {
    await this.database.system((tx) =>
      tx.query('DELETE FROM rate_limit_windows WHERE ends_at <= clock_timestamp()'),
    );
  }
}
