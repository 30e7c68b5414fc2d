import { Refusal } from '../http/answers.js';
import type { AttemptFailure } from './attempt.js';

/** RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export const NO_BACKEND = new Refusal(503, 'NO_BACKEND', 'No backend is available', ['Retry-After', '5']);
export const BODY_TOO_SLOW = new Refusal(408, 'REQUEST_TIMEOUT', 'The request body came too slowly');
export const BODY_TOO_LARGE = new Refusal(413, 'BODY_TOO_LARGE', 'The request body is too large');

const REFUSALS: Record<AttemptFailure['kind'], Refusal> = {
  timeout: new Refusal(504, 'GATEWAY_TIMEOUT', 'The backend did not answer in time'),
  'connect-timeout': NO_BACKEND,
  connect: NO_BACKEND,
  closed: new Refusal(502, 'BAD_GATEWAY', 'The backend closed the connection without an answer'),
  protocol: new Refusal(502, 'BAD_ANSWER', 'The backend sent an invalid answer'),
};

/** What the client is told when a try failed and no other is made. */
export function refusalFor(failure: AttemptFailure): Refusal {
  return REFUSALS[failure.kind];
}

/**
 * Whether a request may be sent again after this failure: when it failed before an answer and none of its body was
 * read, and either nothing was written yet (any method: the backend cannot have acted) or the method is idempotent.
 *
 * A request that is not idempotent and was written on a kept-alive connection that then closed is not repeated:
 * whether the backend read it before closing cannot be known (RFC 9110 §9.2.2), and doing something twice is worse
 * than a 502.
 */
export function isRepeatable(failure: AttemptFailure, method: string, bodyStarted: boolean): boolean {
  if (bodyStarted || failure.kind === 'timeout' || failure.kind === 'protocol') return false;
  return !failure.sent || IDEMPOTENT.has(method);
}
