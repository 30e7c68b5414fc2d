import type { Socket } from 'node:net';
import { openConnection } from './connector.js';
import type { Upstream, UpstreamFailure, UpstreamHandler, UpstreamRequest } from './upstream.js';
import { type ConnectionOwner, UpstreamConnection } from './upstream-connection.js';

/** Shorter than the 5 s after which Node and others close an idle connection, so that a request rarely meets one. */
const IDLE_CONNECTION_MS = 4_000;
const LONGEST_IDLE_MS = 60_000;
/** A connection is given up this long before the backend said it would be. */
const MARGIN_MS = 1_000;
const CHECK_INTERVAL_MS = 1_000;

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
  /** Whether its name may lead to a private or loopback address. */
  readonly allowPrivate: boolean;
  /** Asked at each connection, so that a change needs no new pool. */
  connectTimeoutMs(): number;
}

/**
 * Kept-alive connections to one backend, one request at a time on each, the last one used first. It has no time limit
 * but that of connecting: the caller keeps them.
 */
export class SocketUpstream implements Upstream, ConnectionOwner {
  private idle: UpstreamConnection[] = [];
  private closing = false;
  private check: NodeJS.Timeout | null = null;

  constructor(
    private readonly address: UpstreamAddress,
    /** Monotonic clock, ms. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    const connection = request.upgrade ? null : this.takeIdle();
    if (connection) connection.send(request, handler);
    else this.connect(request, handler);
  }

  close(): void {
    this.closing = true;
    for (const connection of this.idle.splice(0)) connection.destroy();
    this.stopChecking();
  }

  released(connection: UpstreamConnection, keepAliveSeconds: number | null): void {
    const idleMs =
      keepAliveSeconds === null
        ? IDLE_CONNECTION_MS
        : Math.min(keepAliveSeconds * 1_000 - MARGIN_MS, LONGEST_IDLE_MS);
    if (this.closing || idleMs <= 0) {
      connection.destroy();
      return;
    }
    connection.idleUntil = this.now() + idleMs;
    this.idle.push(connection);
    this.check ??= setInterval(() => this.dropExpired(), CHECK_INTERVAL_MS).unref();
  }

  closed(connection: UpstreamConnection): void {
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
  }

  private takeIdle(): UpstreamConnection | null {
    const now = this.now();
    for (let connection = this.idle.pop(); connection; connection = this.idle.pop()) {
      if (connection.idleUntil > now && connection.usable) return connection;
      connection.destroy();
    }
    return null;
  }

  private connect(request: UpstreamRequest, handler: UpstreamHandler): void {
    const { host, port, allowPrivate } = this.address;
    let connection: UpstreamConnection | null = null;
    const done = (error: Error | null, socket: Socket | null): void => {
      if (error) {
        handler.onFailure(failureOf(error));
        return;
      }
      connection = new UpstreamConnection(socket!, this);
      // A connection that switches protocols becomes a stream.
      if (request.upgrade) socket!.on('data', connection.read);
      connection.send(request, handler);
    };
    const onRead = request.upgrade ? undefined : (bytes: Buffer): void => connection?.read(bytes);
    openConnection(host, port, this.address.connectTimeoutMs(), allowPrivate, done, onRead);
  }

  private dropExpired(): void {
    const now = this.now();
    const expired = this.idle.filter(({ idleUntil }) => idleUntil <= now);
    this.idle = this.idle.filter(({ idleUntil }) => idleUntil > now);
    for (const connection of expired) connection.destroy();
    if (this.idle.length === 0) this.stopChecking();
  }

  private stopChecking(): void {
    if (this.check) clearInterval(this.check);
    this.check = null;
  }
}

function failureOf(error: Error): UpstreamFailure {
  const { code } = error as { code?: string };
  if (code === 'CONNECT_TIMEOUT') return { kind: 'connect-timeout', message: 'connecting timed out' };
  if (code === 'ADDRESS_REFUSED') return { kind: 'connect', message: 'address not allowed' };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { kind: 'connect', message: 'name not found' };
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return { kind: 'connect', message: 'unreachable' };
  if (code === 'EADDRNOTAVAIL' || code === 'EMFILE')
    return { kind: 'connect', message: 'no free local socket' };
  return { kind: 'connect', message: code === 'ECONNREFUSED' ? 'connection refused' : 'no connection' };
}
