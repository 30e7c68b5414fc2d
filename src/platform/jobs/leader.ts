import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import { Database, prepared, send, type Transaction } from '../database/index.js';

const TTL_MS = 3000;
const RENEW_MS = 1000;
/** Who waits for the lease tries this long after its end, so that somebody leads soon after. */
const AFTER_END_MS = 20;
/** The holder stops itself this long before the lease ends, by its own monotonic clock. */
const SAFETY_MS = 500;

/**
 * Whoever is frozen between the last statement of a transaction and its commit keeps the lease row locked for a second,
 * not until it wakes: the others wait to claim it.
 */
const LIMIT_LOCK = prepared(`SELECT set_config('idle_in_transaction_session_timeout', '1s', true)`);
const CHECK_EPOCH = prepared(
  `SELECT 1 FROM leases WHERE name = 'leader' AND holder = $1 AND epoch = $2 AND expires_at > clock_timestamp() FOR SHARE`,
);
const CLAIM = prepared(
  `WITH claimed AS (
     UPDATE leases SET holder = $1,
            epoch = CASE WHEN holder = $1 AND expires_at > clock_timestamp() THEN epoch ELSE epoch + 1 END,
            expires_at = clock_timestamp() + interval '${TTL_MS} milliseconds'
     WHERE name = 'leader' AND (holder = $1 OR expires_at <= clock_timestamp())
     RETURNING epoch)
   SELECT (SELECT epoch FROM claimed)::float8 AS epoch,
     (SELECT extract(epoch FROM expires_at - clock_timestamp()) * 1000 FROM leases
      WHERE name = 'leader' AND isfinite(expires_at))::float8 AS left_ms`,
);

interface Claim {
  /** Null when the lease is another node's. */
  epoch: number | null;
  left_ms: number;
}

/**
 * One node of all leads: it holds the lease row, by the database's clock, and renews it each second. A leader that
 * is frozen or cut off loses the lease after 3 s; what it writes later carries an old epoch and is refused
 * (fencing tokens, M. Kleppmann, "How to do distributed locking", 2016).
 */
@Injectable()
export class Leader implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('leader');
  /** Name of this node's claims in the lease row. */
  readonly holder: string = randomUUID();
  private epoch: number | null = null;
  private validUntil = 0;
  private timer?: NodeJS.Timeout;
  private stopped = false;
  /** The renewal under way, or the last one. */
  private renewal: Promise<void> = Promise.resolve();

  constructor(private readonly database: Database) {}

  async onApplicationBootstrap(): Promise<void> {
    this.renewal = this.renew();
    await this.renewal;
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.renewal;
    if (!this.isLeader) return;
    await this.database
      .system((tx) =>
        tx.query(`UPDATE leases SET expires_at = '-infinity' WHERE name = 'leader' AND holder = $1`, [
          this.holder,
        ]),
      )
      .catch(() => undefined);
    this.epoch = null;
  }

  get isLeader(): boolean {
    return this.epoch !== null && performance.now() < this.validUntil;
  }

  /**
   * Runs periodic work in a transaction that commits only while this node still leads.
   * @throws AppError 503 when it does not (any more)
   */
  async lead<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const epoch = this.epoch;
    if (!this.isLeader || epoch === null) throw notLeading();
    return this.database.system(async (tx) => {
      const result = await work(tx);
      await this.checkEpoch(tx, epoch);
      return result;
    });
  }

  /** Share-locks the lease row: a new leader's claim waits until this transaction has ended. */
  private async checkEpoch(tx: Transaction, epoch: number): Promise<void> {
    const [, rows] = await send(tx, [LIMIT_LOCK], [CHECK_EPOCH, this.holder, epoch]);
    if (!rows.length) throw notLeading();
  }

  /** Renews the lease or tries to get it, and comes again: each second, or when the lease of another node ends. */
  private async renew(): Promise<void> {
    const asked = performance.now();
    let pauseMs = RENEW_MS;
    try {
      const { epoch, left_ms } = await this.claim();
      if (epoch !== null && epoch !== this.epoch) this.logger.log(`This node leads, epoch ${epoch}`);
      if (epoch === null && this.epoch !== null) this.logger.warn('Another node leads now');
      this.epoch = epoch;
      this.validUntil = asked + TTL_MS - SAFETY_MS;
      if (epoch === null) pauseMs = Math.min(RENEW_MS, Math.max(0, left_ms) + AFTER_END_MS);
    } catch {
      // the lease runs out by itself; the next renewal tries again
    }
    if (this.stopped) return;
    const next = () => {
      this.renewal = this.renew();
    };
    this.timer = setTimeout(next, pauseMs - Math.min(performance.now() - asked, pauseMs / 2));
    this.timer.unref();
  }

  /** @returns the epoch when the lease is this node's; what was left of it before */
  private async claim(): Promise<Claim> {
    const [, rows] = await this.database.system((tx) =>
      send<[object[], Claim[]]>(tx, [LIMIT_LOCK], [CLAIM, this.holder]),
    );
    const [row] = rows as [Claim];
    return { epoch: row.epoch, left_ms: row.left_ms ?? 0 };
  }
}

const notLeading = () => new AppError(503, 'NOT_LEADER', 'This node does not lead', { retryAfterSeconds: 1 });
