import type { Socket } from 'node:net';
import type { EngineLimits } from '../options.js';
import type { Incoming } from '../proxy/incoming.js';
import { FastConnection, type FastPathContext } from './fast-connection.js';

/** Checks connections against the time limits this often. */
const CHECK_INTERVAL_MS = 1_000;

export interface FastPathOptions {
  readonly limits: EngineLimits;
  readonly scheme: 'http' | 'https';
  readonly handle: (incoming: Incoming) => void;
  /** Told of errors that should not happen. */
  readonly onError: (error: unknown) => void;
  /** Takes a connection over that asks for more than plain HTTP/1.1; `rest` was read and not used. */
  readonly handOver: (socket: Socket, rest: Buffer) => void;
}

/** The connections of one listener that are read by our own parser. */
export class FastPath {
  private readonly connections = new Set<FastConnection>();
  private readonly context: FastPathContext;
  private busy = 0;
  private stopping = false;
  private check: NodeJS.Timeout | null = null;

  constructor(options: FastPathOptions) {
    const { limits, handOver } = options;
    this.context = {
      ...options,
      keepAliveFields: `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(limits.keepAliveTimeoutMs / 1_000)}\r\n`,
      now: () => performance.now(),
      stopping: () => this.stopping,
      onBusy: (change) => {
        this.busy += change;
      },
      handOver: (connection, rest) => {
        this.remove(connection);
        handOver(connection.socket, rest);
      },
      onClosed: (connection) => this.remove(connection),
    };
  }

  get openConnections(): number {
    return this.connections.size;
  }

  /** Requests without a complete answer. */
  get requestsInFlight(): number {
    return this.busy;
  }

  accept(socket: Socket): void {
    this.connections.add(new FastConnection(socket, this.context));
    this.check ??= setInterval(() => this.checkTimes(), CHECK_INTERVAL_MS).unref();
  }

  /** From here on an answer ends its connection; idle ones end now. */
  drain(): void {
    this.stopping = true;
    for (const connection of this.connections) connection.closeIfIdle();
  }

  /** Cuts every connection. */
  destroy(): void {
    for (const { socket } of this.connections) socket.destroy();
  }

  private checkTimes(): void {
    const now = this.context.now();
    for (const connection of this.connections) connection.checkTime(now);
  }

  private remove(connection: FastConnection): void {
    this.connections.delete(connection);
    if (this.connections.size > 0 || !this.check) return;
    clearInterval(this.check);
    this.check = null;
  }
}
