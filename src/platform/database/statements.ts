import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Transaction } from './database.js';

/** A statement that each connection parses and plans once. Its columns are named: `*` would outlive the schema. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
}
/** A statement with the values of its parameters. */
export type Call = readonly [statement: Prepared, ...values: unknown[]];

const connections = new WeakMap<Transaction, pg.ClientBase>();

/** Made once and kept, as a constant beside the code that calls it. */
export const prepared = (text: string): Prepared => ({
  name: createHash('sha256').update(text).digest('base64url').slice(0, 32),
  text,
});

/**
 * Sends statements one after another without waiting for the answers in between: one round trip. They run in their
 * order, also after whatever was sent before; when one fails those behind it fail, too, and the first error is thrown.
 * @returns the rows of each
 */
export async function send<Rows extends object[][]>(tx: Transaction, ...calls: Call[]): Promise<Rows> {
  const connection = connections.get(tx);
  if (!connection) throw new Error('send needs an open transaction of Database');
  const results = await Promise.all(
    calls.map(([{ name, text }, ...values]) => connection.query({ name, text, values })),
  );
  return results.map(({ rows }) => rows) as Rows;
}

/** As `send` of one statement. */
export async function rowsOf<Row extends object>(
  tx: Transaction,
  statement: Prepared,
  ...values: unknown[]
): Promise<Row[]> {
  const [rows] = await send<[Row[]]>(tx, [statement, ...values]);
  return rows;
}

/** What each statement of a transaction in which an earlier one has failed is answered. */
const IN_FAILED_TRANSACTION = '25P02';

/**
 * Waits for parts of a transaction that do not need one another's answers, and so share round trips. Unlike
 * `Promise.all` it ends when all have ended: no part goes on in a transaction that was rolled back. What may fail by
 * itself, such as an insert with a constraint, comes first.
 * @throws the first error that is no consequence of another
 */
export async function together<T extends readonly unknown[]>(
  ...parts: { [K in keyof T]: Promise<T[K]> | undefined }
): Promise<T> {
  const outcomes = await Promise.allSettled(parts);
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  if (errors.length)
    throw errors.find((e) => (e.driverError ?? e).code !== IN_FAILED_TRANSACTION) ?? errors[0];
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

/** On which connection a transaction runs; for Database. */
export const rememberConnection = (tx: Transaction, connection: pg.ClientBase) =>
  connections.set(tx, connection);
export const forgetConnection = (tx: Transaction) => connections.delete(tx);
