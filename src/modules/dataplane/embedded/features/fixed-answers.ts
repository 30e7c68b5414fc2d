import type { RouteFeatures } from '../../snapshot.js';
import { type LocalAnswer, Refusal } from '../http/answers.js';
import type { Guard } from './guard.js';

/** Everybody gets the maintenance page. */
export function maintenance(page: NonNullable<RouteFeatures['maintenance']>): Guard {
  const headers = ['Content-Type', page.contentType, 'Cache-Control', 'no-store'];
  const answer: LocalAnswer = { status: page.status, headers, body: page.body };
  return () => answer;
}

/** Everybody is sent elsewhere. */
export function redirect({ status, location }: NonNullable<RouteFeatures['redirect']>): Guard {
  const answer: LocalAnswer = { status, headers: ['Location', location], body: '' };
  return () => answer;
}

/** 413 to a body that says it is too large; one that does not say is stopped on the way. */
export function bodyLimit(maxBytes: number): Guard {
  const answer = new Refusal(413, 'BODY_TOO_LARGE', 'The request body is too large').toAnswer();
  return ({ contentLength }) => (contentLength !== null && contentLength > maxBytes ? answer : null);
}
