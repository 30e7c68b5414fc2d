import type { IncomingMessage } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { WebSocket } from 'ws';
import { AppError } from '../../common/errors.js';
import { DatabaseClock } from '../database/index.js';
import { CLOSE } from './close-codes.js';
import { SocketClient } from './socket-client.js';
import { SocketMetrics } from './socket-metrics.js';
import type { Admission } from './upgrade.js';

export interface SocketLimits {
  /** Between two pings; a client from which nothing came in between is dropped. */
  pingMs: number;
  /** Bytes that may wait for one client before newer states replace older ones. */
  highWaterBytes: number;
  /** How long a client may read nothing of what waits for it. */
  stuckMs: number;
  messagesPerSecond: number;
  /** A role change moves a client to what it may see now within this time even when no notification came. */
  recheckMs: number;
}

export const SOCKET_LIMITS: SocketLimits = {
  pingMs: 20_000,
  highWaterBytes: 256 * 1024,
  stuckMs: 10_000,
  messagesPerSecond: 50,
  recheckMs: 30_000,
};
const TICK_MS = 250;
const TERMINATE_AFTER_MS = 2000;

/**
 * Every open socket of this node: liveness, expiry of credentials, and sending with a bound on what waits. A frame
 * is one Buffer for all its receivers. A client with more than `highWaterBytes` waiting gets no further state; once
 * it has read what waits, `onCaughtUp` sends it the newest one, so a slow reader costs a bounded amount of memory.
 */
@Injectable()
export class SocketHub implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('realtime');
  private readonly open = new Set<SocketClient>();
  private readonly bySocket = new WeakMap<WebSocket, SocketClient>();
  private readonly openByOwner = new Map<string, number>();
  private caughtUp: (client: SocketClient) => void = () => undefined;
  private timer?: NodeJS.Timeout;
  private nextPing = 0;
  private nextSecond = 0;
  private nextRecheck = 0;

  limits: SocketLimits = SOCKET_LIMITS;

  constructor(
    private readonly metrics: SocketMetrics,
    private readonly clock: DatabaseClock,
  ) {}

  onApplicationBootstrap(): void {
    const now = performance.now();
    this.nextPing = now + this.limits.pingMs;
    this.nextRecheck = now + this.limits.recheckMs;
    this.timer = setInterval(() => this.tick(performance.now()), TICK_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  get clients(): ReadonlySet<SocketClient> {
    return this.open;
  }

  /** Sockets open on this node of an owner: `session <id>`, or `address <ip>` of those without a session. */
  openOf(owner: string): number {
    return this.openByOwner.get(owner) ?? 0;
  }

  onCaughtUp(listener: (client: SocketClient) => void): void {
    this.caughtUp = listener;
  }

  /** Takes over a socket that passed its handshake. */
  add(
    socket: WebSocket,
    request: IncomingMessage,
    channel: string,
    id = SocketClient.generateId(),
  ): SocketClient {
    const client = new SocketClient(socket, channel, id, request.admission as Admission, request);
    this.open.add(client);
    this.bySocket.set(socket, client);
    this.count(client.owner, 1);
    this.metrics.connected(channel);
    socket.on('pong', () => {
      client.alive = true;
    });
    socket.on('ping', () => this.limit(client));
    socket.on('message', () => {
      this.metrics.messageReceived(channel);
      this.limit(client);
    });
    socket.once('close', () => {
      this.open.delete(client);
      this.count(client.owner, -1);
      this.metrics.disconnected(channel, (Date.now() - client.openedAt.getTime()) / 1000);
    });
    return client;
  }

  /** Sends one frame to many. Clients that are too far behind are marked stale instead. @returns how many it went to */
  send(frame: Buffer, clients: Iterable<SocketClient>): number {
    let sent = 0;
    let channel = '';
    for (const client of clients) {
      channel = client.channel;
      if (this.offer(frame, client)) sent++;
    }
    this.metrics.messagesSent(channel, sent);
    return sent;
  }

  /** Answers a message. A client that does not read gets no answer. */
  reply(socket: WebSocket, frame: Buffer): void {
    const client = this.bySocket.get(socket);
    if (client?.isOpen && socket.bufferedAmount <= this.limits.highWaterBytes) {
      socket.send(frame, { binary: false });
      this.metrics.messagesSent(client.channel, 1);
    }
  }

  /** Ends a socket, saying why; cut off when the client does not answer. */
  close(client: SocketClient, code: number, reason: string): void {
    if (!client.isOpen) return;
    this.metrics.closed(client.channel, code);
    client.socket.close(code, reason);
    setTimeout(() => client.socket.terminate(), TERMINATE_AFTER_MS).unref();
  }

  /** Ends the sockets of these sessions. */
  closeSessions(sessionIds: ReadonlySet<string>): void {
    for (const client of this.open)
      if (client.principal && sessionIds.has(client.principal.sessionId))
        this.close(client, CLOSE.unauthorized, 'the session has ended');
  }

  /**
   * Asks for the clients concerned whether they may stay, and as whom. Those whose view changed go: they come back.
   * One after the other: many at once would take all connections of the database.
   * @throws what the database says when it is away; nothing is known then, and the next look decides
   */
  async recheck(concerns: (client: SocketClient) => boolean = () => true): Promise<void> {
    for (const client of [...this.open])
      if (client.principal && client.isOpen && concerns(client)) await this.recheckOne(client);
  }

  private async recheckOne(client: SocketClient): Promise<void> {
    const before = client.view;
    try {
      await client.recheck();
      if (client.view !== before)
        this.close(client, CLOSE.forbidden, 'what you may see has changed; connect again');
    } catch (e) {
      if (e instanceof AppError && e.status === 401)
        this.close(client, CLOSE.unauthorized, 'the session has ended');
      else if (e instanceof AppError && e.status === 403)
        this.close(client, CLOSE.forbidden, 'your role no longer allows this');
      else throw e;
    }
  }

  private offer(frame: Buffer, client: SocketClient): boolean {
    if (!client.isOpen) return false;
    if (client.awaitsState || client.socket.bufferedAmount > this.limits.highWaterBytes) {
      client.stale = true;
      this.metrics.frameSuperseded(client.channel);
      return false;
    }
    client.socket.send(frame, { binary: false });
    return true;
  }

  private count(owner: string, by: 1 | -1): void {
    const open = this.openOf(owner) + by;
    if (open === 0) this.openByOwner.delete(owner);
    else this.openByOwner.set(owner, open);
  }

  /** Pings count too: each costs an answer. */
  private limit(client: SocketClient): void {
    client.alive = true;
    if (++client.received > this.limits.messagesPerSecond)
      this.close(
        client,
        CLOSE.tooManyMessages,
        `more than ${this.limits.messagesPerSecond} messages a second`,
      );
  }

  /** @param now monotonic, ms */
  private tick(now: number): void {
    const second = now >= this.nextSecond;
    if (second) this.nextSecond = now + 1000;
    const ping = now >= this.nextPing;
    if (ping) this.nextPing = now + this.limits.pingMs;
    for (const client of this.open) {
      this.checkReading(client, now);
      if (second) this.checkSecond(client);
      if (ping) this.ping(client);
    }
    if (now < this.nextRecheck) return;
    this.nextRecheck = now + this.limits.recheckMs;
    this.recheck().catch((e: Error) => this.logger.warn(`sockets could not be rechecked: ${e.message}`));
  }

  private checkSecond(client: SocketClient): void {
    client.received = 0;
    if (client.principal && client.principal.expiresAt * 1000 <= this.clock.now())
      this.close(client, CLOSE.unauthorized, 'the access token has expired');
  }

  private ping(client: SocketClient): void {
    if (!client.isOpen) return;
    if (!client.alive) {
      this.close(client, CLOSE.idle, 'no answer to a ping');
      return;
    }
    client.alive = false;
    client.socket.ping();
  }

  private checkReading(client: SocketClient, now: number): void {
    const waiting = client.socket.bufferedAmount;
    // a stale client is sent nothing, so what waits for it changes only when it reads
    if (!client.stale || waiting < client.bufferedBefore) client.stuckSince = null;
    else client.stuckSince ??= now;
    client.bufferedBefore = waiting;
    if (client.stuckSince !== null && now - client.stuckSince > this.limits.stuckMs) {
      this.metrics.closed(client.channel, CLOSE.tooSlow);
      client.socket.close(CLOSE.tooSlow, 'too slow'); // stands behind what was not read, so it is cut off as well
      client.socket.terminate();
    } else if (client.stale && waiting === 0 && !client.awaitsState) {
      client.stale = false;
      this.caughtUp(client);
    }
  }
}
