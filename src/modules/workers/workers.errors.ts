import type { CommandVerb } from '../../common/agent-protocol.js';
import { AppError, conflict, notFound, unauthorized } from '../../common/errors.js';
import type { WorkerRow } from './worker.js';

const DONE: Record<CommandVerb, string> = { start: 'started', stop: 'stopped', restart: 'restarted' };

const lastKnown = (worker: WorkerRow): string =>
  `its command was last known to be ${worker.process?.state ?? 'unknown'} at ${worker.last_seen.toISOString()}`;

export const workerNotFound = (id: string) => notFound('Worker', id.slice(0, 100));

/** Nothing was sent, so nothing was done. */
export const workerOffline = (worker: WorkerRow) =>
  conflict('WORKER_OFFLINE', `Worker ${worker.id} is not connected, nothing was done; ${lastKnown(worker)}`);

/** The agent said no, or could not. */
export const commandFailed = (worker: WorkerRow, verb: CommandVerb, reason: string) =>
  conflict('WORKER_COMMAND_FAILED', `Worker ${worker.id} could not be ${DONE[verb]}: ${reason}`);

/** The command was sent; whether it was carried out is not known. */
export const commandTimeout = (worker: WorkerRow, verb: CommandVerb, seconds: number) =>
  new AppError(
    504,
    'WORKER_TIMEOUT',
    `Worker ${worker.id} did not confirm the ${verb} within ${seconds} s; ${lastKnown(worker)}`,
  );

/** Unknown, used, expired and revoked look the same to whoever tries tokens. */
export const enrollmentRefused = () =>
  unauthorized('The enrolment token is not valid (any more)', 'ENROLLMENT_TOKEN_REFUSED');

export const workerNameTaken = (name: string) =>
  conflict('WORKER_NAME_TAKEN', `A worker named ${name} is at work; choose another name or forget it first`);

export const tokenUsed = () =>
  conflict('ENROLLMENT_TOKEN_USED', 'A worker enrolled with this token; forget the worker instead');

export const credentialRefused = () =>
  unauthorized('The credential of this worker is not known', 'WORKER_CREDENTIAL_REFUSED');
