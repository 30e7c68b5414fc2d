import type { InboundBody } from './incoming.js';

/** How long and how much of an unwanted request body is read so that the client gets to see the answer. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 262_144;

/** What matters of the request's body when an answer comes before its end. */
export interface BodyLength {
  readonly hasBody: boolean;
  /** Null when unknown. */
  readonly contentLength: number | null;
}

/** A short body is read and thrown away, and the connection goes on. */
export function canSkip({ contentLength }: BodyLength): boolean {
  return contentLength !== null && contentLength <= LINGER_BYTES;
}

/**
 * Reads and throws away a body that nobody wants, for a while: closing with unread data would reset the connection and
 * could take the answer with it. `done` is called when the body ends or the patience does, perhaps more than once.
 */
export function linger(body: InboundBody, done: () => void): void {
  let left = LINGER_BYTES;
  const finish = (): void => {
    clearTimeout(timer);
    done();
  };
  const timer = setTimeout(finish, LINGER_MS);
  body.on('data', (chunk) => {
    left -= chunk.length;
    if (left < 0) finish();
  });
  body.on('end', finish);
  body.on('close', finish);
  body.resume();
}
