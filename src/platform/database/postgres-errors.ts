import { AppError, conflict, invalidField, unavailable } from '../../common/errors.js';

interface PostgresError {
  code?: string;
  message?: string;
  constraint?: string;
  column?: string;
}

/** The driver's own error behind TypeORM's QueryFailedError. */
function driverError(error: unknown): PostgresError {
  const e = error as { driverError?: PostgresError } & PostgresError;
  return e?.driverError ?? e ?? {};
}

/** Messages of `pg` and its pool that carry no SQLSTATE. */
const CONNECTION_LOST =
  /Query read timeout|timeout exceeded when trying to connect|already released|Connection terminated|Client has encountered a connection error|ECONNREFUSED|ECONNRESET|EPIPE|Cannot use a pool after calling end|not queryable|Driver not Connected/;
const DOWN_STATES = new Set(['57014', '57P01', '57P02', '57P03', '53300', '53100', '25006']);
const DOWN_ERRNO = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH']);
const CLIENT_STATES = new Set([
  '22P02',
  '22021',
  '22003',
  '22007',
  '22008',
  '22001',
  '22P05',
  '2201W',
  '2201X',
  '23502',
  '23514',
]);

/** Name of the violated constraint, when the error is a unique or foreign key violation. */
export function violatedConstraint(error: unknown): string | null {
  const { code, constraint } = driverError(error);
  return code === '23505' || code === '23503' ? (constraint ?? '') : null;
}

/** A serialisation failure or deadlock (40001, 40P01): the same transaction may succeed when run again. */
export const isRetryable = (error: unknown): boolean =>
  driverError(error).code === '40001' || driverError(error).code === '40P01';

/** Whether the database is down, unreachable or out of resources. */
export function isDatabaseDown(error: unknown): boolean {
  const { code = '', message = '' } = driverError(error);
  return (
    DOWN_STATES.has(code) || DOWN_ERRNO.has(code) || code.startsWith('08') || CONNECTION_LOST.test(message)
  );
}

/** What a client is told about an error of the database; null when the error is none of the database's. */
export function toAppError(error: unknown): AppError | null {
  if (error instanceof AppError) return error;
  const { code = '', constraint } = driverError(error);
  if (isDatabaseDown(error))
    return unavailable('DATABASE_UNAVAILABLE', 'The database does not answer; try again shortly', 1, error);
  if (isRetryable(error))
    return unavailable('DATABASE_BUSY', 'Too many changes at once; try again', 1, error);
  if (code === '23505') return conflict('CONFLICT', 'It exists already');
  if (code === '23503')
    return conflict('CONFLICT', 'It refers to something that does not exist or is still in use');
  if (CLIENT_STATES.has(code))
    return invalidField(
      driverError(error).column ?? constraint ?? 'body',
      'format',
      'A value is not acceptable',
    );
  return null;
}
