import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { typeid } from 'typeid-js';
import type { AppError } from '../../common/errors.js';
import { errorBody } from '../http/error-body.js';
import type { Principal } from '../security/index.js';

/** A request to become a WebSocket, with the path parameters of the gateway that it asks for. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly params: Readonly<Record<string, string>>;
}

/** Whoever passed the handshake of a gateway. */
export interface Admission {
  /** Null on a public socket without a credential. */
  readonly principal: Principal | null;
  /**
   * Looks again whether the credential still stands; the principal as it is now.
   * @throws AppError 401 when it does not
   */
  readonly recheck: () => Promise<Principal | null>;
}

declare module 'node:http' {
  interface IncomingMessage {
    /** Set once the handshake is passed. */
    admission?: Admission;
    socketParams?: Readonly<Record<string, string>>;
  }
}

/** Answers an upgrade with the one error body instead. */
export function refuseUpgrade(socket: Duplex, error: AppError): void {
  const body = JSON.stringify(errorBody(error, typeid('req').toString()));
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    'Cache-Control: no-store',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(error.status === 401 ? ['WWW-Authenticate: Bearer'] : []),
    ...(error.retryAfterSeconds === undefined ? [] : [`Retry-After: ${error.retryAfterSeconds}`]),
  ].join('\r\n');
  socket.once('finish', () => socket.destroy());
  socket.end(`${head}\r\n\r\n${body}`);
}
