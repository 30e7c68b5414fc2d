import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { type BackoffPolicy, jitteredBackoffMs } from '../../common/backoff.js';
import { Database, type Notifications, type Transaction } from '../database/index.js';

export interface WorkQueueOptions<Row> {
  /** Table with the columns that {@link WorkQueue} names. */
  table: string;
  /** How many rows are worked on at once by this node. */
  concurrency: number;
  /** A worker that is silent for this long has lost its row to another one. Renewed while the handler runs. */
  leaseSeconds: number;
  maxAttempts: number;
  /** SQL that orders rows that are due; default `available_at`. For fairness between tenants, for one. */
  orderBy?: string;
  /**
   * Columns that say who a row is for, and how many rows with the same value this node works on at once. Whoever has
   * the fewest at work comes first, column by column, so that nobody's backlog, nor a receiver that hangs, holds up the
   * others.
   */
  shares?: readonly Share[];
  /** How long a failed row waits, with jitter. Default: 2 s, 4 s, 8 s … at most ten minutes. */
  backoff?: BackoffPolicy;
  /** Does the work. What it writes in `finish`'s transaction is there exactly once, with the row's end. */
  handle: (row: Row, job: JobControl) => Promise<void>;
  /** Called in the transaction that gives a row up after `maxAttempts`. */
  onDead?: (tx: Transaction, row: Row, error: Error) => Promise<void>;
}

export interface Share {
  /** Text column of the table. */
  column: string;
  most: number;
}

export interface JobControl {
  /** Aborted when the row was lost to another worker or the node stops. */
  readonly signal: AbortSignal;
  /** Ends the row as done, in one transaction with `work`. Throws when the lease was lost. */
  finish(work?: (tx: Transaction) => Promise<void>): Promise<void>;
}

const POLL_MS = 2000;
const DEFAULT_BACKOFF: BackoffPolicy = { initialMs: 2_000, maxMs: 600_000 };

/**
 * Work that must happen is a row with a state: `pending`, `running`, `done`, `dead`. A worker takes a row with
 * SKIP LOCKED and a lease with a token; only the holder of the token may end it, so each effect written by `finish`
 * happens once, also after `kill -9`. The table has the columns `id text, state text, attempts int, available_at
 * timestamptz, leased_until timestamptz, lease_token text, last_error text, created_at timestamptz` (the SQL function
 * `add_work_columns(table)` makes them) and any of its own. Enqueue by inserting in the caller's transaction, then
 * `wake` it after the commit.
 */
export class WorkQueue<Row extends { id: string; attempts: number }> {
  private readonly logger: Logger;
  private readonly controllers = new Set<AbortController>();
  private readonly atWork = new Set<Row>();
  /** Claims that count rows at work follow each other: each one counts what the ones before it took. */
  private claims: Promise<unknown> = Promise.resolve();
  private running = 0;
  private stopped = true;
  private timer?: NodeJS.Timeout;
  private idle: (() => void)[] = [];

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly options: WorkQueueOptions<Row>,
  ) {
    this.logger = new Logger(`queue ${options.table}`);
  }

  start(): void {
    this.stopped = false;
    this.notifications.on(`queue:${this.options.table}`, () => this.pump());
    this.timer = setInterval(() => this.pump(), POLL_MS);
    this.timer.unref();
    this.pump();
  }

  /** Takes nothing new and waits for what runs; handlers are asked to stop through their signal. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    for (const controller of this.controllers) controller.abort(new Error('the node stops'));
    if (this.running > 0) await new Promise<void>((ok) => this.idle.push(ok));
  }

  /** Makes every node look for rows as soon as `tx` has committed. */
  async wake(tx: Transaction): Promise<void> {
    await this.notifications.publish(tx, `queue:${this.options.table}`, {});
  }

  /** Starts one more worker when there is room; a worker that finds a row starts the next one. */
  private pump(): void {
    if (this.stopped || this.running >= this.options.concurrency) return;
    this.running++;
    void this.takeOne().then((took) => {
      this.running--;
      if (took) this.pump();
      if (this.running === 0) for (const ok of this.idle.splice(0)) ok();
    });
  }

  private async takeOne(): Promise<boolean> {
    let row: Row | null = null;
    const token = randomUUID();
    try {
      row = await this.nextRow(token);
      if (!row) return false;
      this.pump();
      await this.work(row, token);
      return true;
    } catch (e) {
      this.logger.warn(`${row?.id ?? 'claim'}: ${(e as Error).message}`);
      return row !== null;
    } finally {
      if (row) this.atWork.delete(row);
    }
  }

  private nextRow(token: string): Promise<Row | null> {
    // an order may count too
    if (!this.options.shares && !this.options.orderBy) return this.claim(token);
    const claim = this.claims.then(async () => {
      const row = await this.claim(token);
      if (row) this.atWork.add(row);
      return row;
    });
    this.claims = claim.catch(() => undefined);
    return claim;
  }

  private async claim(token: string): Promise<Row | null> {
    const { table, leaseSeconds, orderBy = 'available_at', shares = [] } = this.options;
    // two parameters a share: who has rows at work here, and how many
    const busy = shares.map(
      ({ column }, i) =>
        `coalesce((SELECT b.n FROM unnest($${3 + 2 * i}::text[], $${4 + 2 * i}::int[]) AS b (value, n)
                   WHERE b.value = ${table}.${column}), 0)`,
    );
    const room = shares.map(({ most }, i) => `AND ${busy[i]} < ${most}`).join(' ');
    const [rows] = await this.database.system((tx) =>
      tx.query(
        `UPDATE ${table} SET state = 'running', attempts = attempts + 1, lease_token = $1,
                leased_until = clock_timestamp() + make_interval(secs => $2)
         WHERE id = (SELECT id FROM ${table}
                     WHERE ((state = 'pending' AND available_at <= clock_timestamp())
                         OR (state = 'running' AND leased_until < clock_timestamp())) ${room}
                     ORDER BY ${[...busy, orderBy].join(', ')} LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING *`,
        [token, leaseSeconds, ...shares.flatMap(({ column }) => this.countBy(column))],
      ),
    );
    return (rows[0] as Row | undefined) ?? null;
  }

  /** Values of a column among the rows at work, and how often each is there. */
  private countBy(column: string): [string[], number[]] {
    const counts = new Map<string, number>();
    for (const row of this.atWork) {
      const value = String((row as Record<string, unknown>)[column]);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return [[...counts.keys()], [...counts.values()]];
  }

  private async work(row: Row, token: string): Promise<void> {
    const controller = new AbortController();
    this.controllers.add(controller);
    const renewal = setInterval(
      () => void this.renew(row, token, controller),
      (this.options.leaseSeconds * 1000) / 3,
    );
    let finished = false;
    const finish: JobControl['finish'] = async (effects) => {
      await this.database.system(async (tx) => {
        const [ended] = await tx.query(
          `UPDATE ${this.options.table} SET state = 'done', leased_until = NULL, last_error = NULL
           WHERE id = $1 AND lease_token = $2 AND state = 'running' RETURNING id`,
          [row.id, token],
        );
        if (!ended.length) throw new Error('the lease was lost');
        await effects?.(tx);
      });
      finished = true;
    };
    try {
      // the node may have begun to stop while the row was being taken
      if (this.stopped) throw new Error('the node stops');
      await this.options.handle(row, { signal: controller.signal, finish });
      if (!finished) await finish();
    } catch (e) {
      await this.failed(row, token, e as Error);
    } finally {
      clearInterval(renewal);
      this.controllers.delete(controller);
    }
  }

  private async renew(row: Row, token: string, controller: AbortController): Promise<void> {
    try {
      const [rows] = await this.database.system((tx) =>
        tx.query(
          `UPDATE ${this.options.table} SET leased_until = clock_timestamp() + make_interval(secs => $3)
           WHERE id = $1 AND lease_token = $2 AND state = 'running' RETURNING id`,
          [row.id, token, this.options.leaseSeconds],
        ),
      );
      if (!rows.length) controller.abort(new Error('the lease was lost'));
    } catch {
      // the next renewal tries again; past the lease another worker takes the row
    }
  }

  private async failed(row: Row, token: string, error: Error): Promise<void> {
    const { table, maxAttempts, backoff = DEFAULT_BACKOFF, onDead } = this.options;
    // a node that stops hands the row back at once, without counting the try
    const handedBack = this.stopped;
    const dead = !handedBack && row.attempts >= maxAttempts;
    await this.database.system(async (tx) => {
      const [rows] = await tx.query(
        `UPDATE ${table} SET state = $3, leased_until = NULL, last_error = $4, attempts = attempts - $6,
                available_at = clock_timestamp() + make_interval(secs => $5)
         WHERE id = $1 AND lease_token = $2 AND state = 'running' RETURNING id`,
        [
          row.id,
          token,
          dead ? 'dead' : 'pending',
          error.message.slice(0, 1000),
          handedBack ? 0 : jitteredBackoffMs(row.attempts, backoff) / 1000,
          handedBack ? 1 : 0,
        ],
      );
      if (rows.length && dead) await onDead?.(tx, row, error);
    });
    this.logger.warn(`${row.id} failed (try ${row.attempts}): ${error.message}`);
  }
}
