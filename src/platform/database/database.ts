import { Injectable } from '@nestjs/common';
import pg from 'pg';
import { type DataSource, EntityManager } from 'typeorm';
import { ConnectionQueue } from './connection-queue.js';
import { isDatabaseDown, isRetryable } from './postgres-errors.js';
import { forgetConnection, prepared, rememberConnection, rowsOf, together } from './statements.js';

/** One open transaction. Repositories take it as their first argument; services pass it on. */
export type Transaction = EntityManager;

/** Role of every connection: owns nothing, sees only the tenant that the transaction names. */
export const RUNTIME_ROLE = 'veloflux_app';
/** Role that a transaction takes for work across tenants (jobs, sign-in, superadmins). */
const SYSTEM_ROLE = 'veloflux_system';

const MAX_ATTEMPTS = 4;
const NARROW = prepared(`SELECT set_config('app.tenant_id', $1, true), set_config('role', $2, true)`);

interface Ending {
  before: () => Promise<void>;
  last: () => Promise<void>;
}
interface Hooks {
  endings: Ending[];
  after: (() => void)[];
}
/** Of every open transaction, whichever connection it runs on. */
const hooksByTransaction = new WeakMap<Transaction, Hooks>();

/**
 * The only way to the tables. Row-level security is the second wall between tenants: a transaction names the tenant
 * it works for with `SET LOCAL`, and PostgreSQL shows it that tenant's rows and nothing else (STACK.md §6). A
 * transaction that names none sees no row of any tenant.
 */
@Injectable()
export class Database {
  private readonly queue: ConnectionQueue;

  constructor(readonly dataSource: DataSource) {
    this.queue = new ConnectionQueue((dataSource.options as { poolSize?: number }).poolSize ?? 10);
  }

  /** Runs `work` in one transaction that sees `tenantId`'s rows. Serialisation failures are retried. */
  tenant<T>(tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.run(`SELECT set_config('app.tenant_id', ${pg.escapeLiteral(tenantId)}, true)`, work);
  }

  /**
   * Calls a function of the database that enters the tenant by itself, its first argument: one round trip instead of
   * five, for the hottest reads. The statement is prepared once a connection, and is its own transaction.
   */
  async readInTenant<T>(name: string, tenantId: string, ...values: unknown[]): Promise<T | null> {
    const parameters = [tenantId, ...values];
    const pool: ConnectionPool = (this.dataSource.driver as unknown as { master: ConnectionPool }).master;
    const { rows } = await pool.query<T | null>({
      name,
      text: `SELECT ${name}(${parameters.map((_, i) => `$${i + 1}`).join(', ')}) AS result`,
      values: parameters,
    });
    return rows[0]?.result ?? null;
  }

  /** Runs `work` in one transaction that sees the rows of all tenants. */
  system<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.run(`SET LOCAL ROLE ${SYSTEM_ROLE}`, work);
  }

  /** As `system`, to read only, and all of it as of one moment. */
  systemSnapshot<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const snapshot = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY';
    return this.run(`${snapshot}; SET LOCAL ROLE ${SYSTEM_ROLE}`, work, true);
  }

  /** Inside a system transaction: go on as `tenantId` only. There is no way back. */
  async narrowTo(tx: Transaction, tenantId: string): Promise<void> {
    await rowsOf(tx, NARROW, tenantId, RUNTIME_ROLE);
  }

  /**
   * Ends `tx` with `before` and then `last`, which sends its statements in the turn in which it is called and none later:
   * the commit leaves right behind them and costs no round trip of its own. An error of either rolls everything back.
   */
  endWith(tx: Transaction, before: () => Promise<void>, last: () => Promise<void>): void {
    this.hooksOf(tx).endings.push({ before, last });
  }

  /** Calls `listener` once `tx` has committed; never when it rolls back. */
  afterCommit(tx: Transaction, listener: () => void): void {
    this.hooksOf(tx).after.push(listener);
  }

  /** Whether the database answers, within 2.5 s. */
  async ping(): Promise<void> {
    await this.dataSource.query('SELECT 1');
  }

  private hooksOf(tx: Transaction): Hooks {
    const hooks = hooksByTransaction.get(tx);
    if (!hooks) throw new Error('hooks need an open transaction of this Database');
    return hooks;
  }

  private async run<T>(enter: string, work: (tx: Transaction) => Promise<T>, readOnly = false) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.inTurn(() => this.once(enter, work, readOnly));
      } catch (e) {
        if (!isRetryable(e) || attempt >= MAX_ATTEMPTS) throw e;
      }
    }
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.queue.enter();
    try {
      return await work();
    } catch (e) {
      if (isDatabaseDown(e)) this.queue.failWaiting(e);
      throw e;
    } finally {
      leave();
    }
  }

  /**
   * The driver's time limit leaves a query running on its connection; a rollback would queue behind it. When the
   * database is gone the connection is torn down instead, so that the caller hears of it within the limit.
   *
   * The beginning leaves together with the first statement of `work`: when it fails, that one runs in a transaction that
   * has failed, or outside of the tenant and so sees nothing, and the connection ends before there is a second one.
   * Nobody waits for the end of one that only reads: what comes next on the connection runs behind it.
   */
  private async once<T>(enter: string, work: (tx: Transaction) => Promise<T>, readOnly: boolean) {
    const runner = this.dataSource.createQueryRunner();
    const hooks: Hooks = { endings: [], after: [] };
    const connection: PostgresConnection = await runner.connect();
    const teardown = () => connection.connection?.stream?.destroy();
    // what TypeORM's `startTransaction` notes
    Object.assign(runner, { isTransactionActive: true, transactionDepth: 1 });
    const begun = connection.query(`START TRANSACTION; ${enter}`);
    begun.catch(teardown);
    try {
      hooksByTransaction.set(runner.manager, hooks);
      rememberConnection(runner.manager, connection);
      const result = await work(runner.manager);
      await begun;
      for (const { before } of hooks.endings) await before();
      const last = hooks.endings.map((ending) => ending.last());
      const ended: Promise<unknown> = connection.query('COMMIT');
      forgetConnection(runner.manager);
      if (readOnly) ended.catch(teardown);
      else await together(...last, ended);
      for (const listener of hooks.after) listener();
      return result;
    } catch (e) {
      if (isDatabaseDown(e)) teardown();
      else await runner.rollbackTransaction().catch(() => undefined);
      throw await begun.then(
        () => e,
        (first) => first,
      );
    } finally {
      forgetConnection(runner.manager);
      await runner.release().catch(() => undefined);
    }
  }
}

/** TypeORM's own pool; its typings leave it out. */
interface ConnectionPool {
  query<T>(statement: { name: string; text: string; values: unknown[] }): Promise<{ rows: { result: T }[] }>;
}

/** pg's Client with the part that its typings leave out. */
type PostgresConnection = pg.ClientBase & { connection?: { stream?: { destroy(): void } } };
