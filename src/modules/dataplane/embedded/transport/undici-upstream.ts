import type { Duplex } from 'node:stream';
import { type Dispatcher, errors, Pool } from 'undici';
import { openConnection } from './connector.js';
import type { Upstream, UpstreamFailure, UpstreamHandler, UpstreamRequest } from './upstream.js';

/** Shorter than the 5 s after which Node and others close an idle connection, so that a request rarely meets one. */
const IDLE_CONNECTION_MS = 4_000;
const LONGEST_IDLE_MS = 60_000;
const MAX_RESPONSE_HEAD_BYTES = 65_536;

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
  /** Whether its name may lead to a private or loopback address. */
  readonly allowPrivate: boolean;
  /** Asked at each connection, so that a change needs no new pool. */
  connectTimeoutMs(): number;
}

/**
 * Upstream connections on undici's pool, one request at a time on each. All its time limits are off: the caller keeps
 * them, exactly (undici's own timers tick twice a second).
 */
export class UndiciUpstream implements Upstream {
  private readonly pool: Pool;

  constructor(address: UpstreamAddress) {
    const { host, port } = address;
    this.pool = new Pool(`http://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      keepAliveMaxTimeout: LONGEST_IDLE_MS,
      maxHeaderSize: MAX_RESPONSE_HEAD_BYTES,
      connect: (_options, callback) => {
        openConnection(host, port, address.connectTimeoutMs(), address.allowPrivate, (error, socket) => {
          if (error) callback(error, null);
          else callback(null, socket!);
        });
      },
    });
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    this.pool.dispatch(
      {
        method: request.method as Dispatcher.HttpMethod,
        path: request.target,
        headers: request.headers,
        body: request.body,
        upgrade: request.upgrade,
        // undici would close the connection after HEAD and after a body with GET.
        reset: request.upgrade ? undefined : false,
        // No pipelining, so nothing waits behind it.
        blocking: false,
        idempotent: true,
      },
      new HandlerAdapter(handler),
    );
  }

  close(): void {
    this.pool.close().catch(() => undefined);
  }
}

/** undici's raw handler interface: no header objects, no wrapping. */
class HandlerAdapter implements Dispatcher.DispatchHandler {
  constructor(private readonly handler: UpstreamHandler) {}

  onConnect(abort: (error?: Error) => void): void {
    this.handler.onSent(abort);
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void, reason: string): boolean {
    if (status < 200) this.handler.onInterim(status, decode(headers));
    else this.handler.onHead(status, reason, decode(headers), resume);
    // undici takes the length that a 304 may state (RFC 9110 §8.6) for that of a body, and fails. There is none.
    if (status === 304) this.handler.onEnd();
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.handler.onData(chunk);
  }

  onComplete(): void {
    this.handler.onEnd();
  }

  onUpgrade(_status: number, headers: Buffer[] | string[] | null, socket: Duplex): void {
    this.handler.onUpgrade(decode((headers ?? []) as Buffer[]), socket);
  }

  onError(error: Error): void {
    this.handler.onFailure(failureOf(error));
  }
}

function decode(headers: Buffer[]): string[] {
  const decoded = new Array<string>(headers.length);
  for (let i = 0; i < headers.length; i++) decoded[i] = headers[i].toString('latin1');
  return decoded;
}

function failureOf(error: Error): UpstreamFailure {
  const { code } = error as { code?: string };
  if (code === 'CONNECT_TIMEOUT') return { kind: 'connect-timeout', message: 'connecting timed out' };
  if (code === 'ECONNREFUSED') return { kind: 'connect', message: 'connection refused' };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { kind: 'connect', message: 'name not found' };
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return { kind: 'connect', message: 'unreachable' };
  if (code === 'EADDRNOTAVAIL' || code === 'EMFILE')
    return { kind: 'connect', message: 'no free local socket' };
  if (isProtocolError(error)) return { kind: 'protocol', message: 'invalid answer' };
  return { kind: 'closed', message: code === 'ECONNRESET' ? 'connection reset' : 'connection closed' };
}

function isProtocolError(error: Error): boolean {
  return (
    error instanceof errors.HTTPParserError ||
    error instanceof errors.HeadersOverflowError ||
    error instanceof errors.ResponseContentLengthMismatchError ||
    error instanceof errors.InvalidArgumentError ||
    error.message.startsWith('bad ')
  );
}
