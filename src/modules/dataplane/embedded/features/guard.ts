import type { LocalAnswer } from '../http/answers.js';

/** What of a request a guard may look at. */
interface GuardedRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Lower case, without port. */
  readonly host: string;
  /** Without query, dot segments resolved. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly rawHeaders: readonly string[];
  readonly clientAddress: string;
  /** Declared length of the body; null without one. */
  readonly contentLength: number | null;
  /** Monotonic clock, ms. */
  readonly now: number;
}

/** One rule of a route that may answer in the backend's place; null lets the request pass. */
export type Guard = (request: GuardedRequest) => LocalAnswer | null;
