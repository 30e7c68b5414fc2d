import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { ENROLL_PATH, type EnrollRequest, type EnrollResponse } from '../common/agent-protocol.js';
import { type BackoffPolicy, jitteredBackoffMs } from '../common/backoff.js';
import type { Credential } from './state-dir.js';

const TIME_LIMIT_MS = 10_000;

/** The server does not accept the token: another one is needed. */
export class EnrollmentRefused extends Error {}

/**
 * Trades a one-time token for the worker's credential. A server that cannot be reached, or is busy, is asked again
 * until the signal aborts.
 *
 * @throws EnrollmentRefused when the server says no; an AbortError when the signal aborts.
 */
export async function enroll(
  server: string,
  token: string,
  name: string,
  backoff: BackoffPolicy,
  log: (message: string) => void,
  signal: AbortSignal,
): Promise<Credential> {
  const request: EnrollRequest = { token, name, hostname: hostname(), platform: process.platform };
  for (let failures = 1; ; failures += 1) {
    try {
      return { server, ...(await post(server, request, signal)) };
    } catch (error) {
      if (error instanceof EnrollmentRefused) throw error;
      signal.throwIfAborted();
      log(`enrolment: ${describe(error)}; trying again`);
    }
    await delay(jitteredBackoffMs(failures, backoff), undefined, { signal });
  }
}

async function post(server: string, request: EnrollRequest, signal: AbortSignal): Promise<EnrollResponse> {
  const response = await fetch(new URL(ENROLL_PATH, server), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT_MS)]),
  });
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && isEnrollResponse(body)) {
    return { worker_id: body.worker_id, credential: body.credential };
  }
  const answer = `the server answered ${response.status}${messageOf(body)}`;
  if (isFinal(response.status)) throw new EnrollmentRefused(`enrolment refused: ${answer}`);
  throw new Error(answer);
}

/** A refusal that asking again does not change; 408 and 429 ask for patience only. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

function isEnrollResponse(body: unknown): body is EnrollResponse {
  const { worker_id, credential } = (body ?? {}) as Partial<EnrollResponse>;
  return typeof worker_id === 'string' && typeof credential === 'string';
}

function messageOf(body: unknown): string {
  const { message } = (body ?? {}) as { message?: unknown };
  return typeof message === 'string' ? `: ${message.slice(0, 200)}` : '';
}

/** `fetch failed` says nothing; its cause does. */
function describe(error: unknown): string {
  const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause?.message || cause?.code || message;
}
