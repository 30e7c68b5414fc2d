import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type INestApplicationContext, Logger } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import type { MessageMappingProperties } from '@nestjs/websockets';
import type { Observable } from 'rxjs';
import type { WebSocket, WebSocketServer } from 'ws';
import { AppError, notFound, unavailable } from '../../common/errors.js';
import { toAppError } from '../database/postgres-errors.js';
import { HealthRegistry } from '../observability/index.js';
import { CLOSE } from './close-codes.js';
import { Handshakes } from './handshakes.js';
import { refuseUpgrade } from './upgrade.js';

/** Clients say little; a gateway that takes more (agents) says so in its options. */
const MAX_MESSAGE_BYTES = 16 * 1024;
const CLOSE_GRACE_MS = 1000;

type PathMatcher = (path: string) => Record<string, string> | null;

interface Gateway {
  path: string;
  match: PathMatcher;
  server: WebSocketServer;
}

/**
 * The platform's WebSocket adapter with `:param` paths and a handshake before the upgrade: whoever may not connect
 * gets the one error body with 401, 403 or 404, never an open socket.
 */
export class SocketAdapter extends WsAdapter {
  private readonly log = new Logger('realtime');
  private readonly gateways: Gateway[] = [];
  private readonly handshakes: Handshakes;
  private readonly health: HealthRegistry;
  private readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    void this.upgrade(request, socket, head);
  private attachedTo?: HttpServer;

  constructor(app: INestApplicationContext) {
    super(app);
    this.handshakes = app.get(Handshakes);
    this.health = app.get(HealthRegistry);
    this.health.registerLoad('sockets', () => this.clients.length);
    this.health.onDraining((draining) => {
      if (draining) this.endAll();
    });
  }

  override create(port: number, options: Record<string, unknown> & { path?: string } = {}): WebSocketServer {
    return super.create(port, {
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      clientTracking: true,
      handleProtocols: (offered: Set<string>) => (offered.has('bearer') ? 'bearer' : false),
      ...options,
    }) as WebSocketServer;
  }

  protected override ensureHttpServerExists(_port: number, server?: HttpServer): HttpServer | undefined {
    if (!server || this.attachedTo) return this.attachedTo;
    this.attachedTo = server.on('upgrade', this.onUpgrade);
    return server;
  }

  protected override addWsServerToRegistry<T extends Record<'path', string>>(
    server: T,
    port: number,
    path: string,
  ): void {
    super.addWsServerToRegistry(server, port, path);
    const gateway = {
      path: server.path,
      match: compile(server.path),
      server: server as unknown as WebSocketServer,
    };
    // fixed paths are asked before the ones with parameters
    if (server.path.includes(':')) this.gateways.push(gateway);
    else this.gateways.unshift(gateway);
  }

  /**
   * Messages go straight to the gateway's handler `message`; a stream for each client, as the base class makes, would
   * cost kilobytes. A message that is no JSON arrives as null.
   */
  override bindMessageHandlers(
    client: WebSocket,
    handlers: MessageMappingProperties[],
    run: (result: unknown) => Observable<unknown>,
  ): void {
    const handler = handlers.find(({ message }) => message === 'message');
    if (!handler) return;
    client.on('message', (data) =>
      run(handler.callback(jsonOrNull(data))).subscribe({ error: (e: Error) => this.log.error(e) }),
    );
  }

  /** A client's broken frames end its socket; they are no event of ours to log. */
  override bindErrorHandler(server: WebSocketServer): WebSocketServer {
    server.on('connection', (client) => client.on('error', () => undefined));
    return server.on('error', (e: Error) => this.log.error(e));
  }

  /** Ends what is open with 1001, then cuts off who does not answer. */
  override async close(server: WebSocketServer): Promise<void> {
    for (const client of server.clients) client.close(CLOSE.goingAway, 'the server stops');
    const deadline = Date.now() + CLOSE_GRACE_MS;
    while (server.clients.size > 0 && Date.now() < deadline) await new Promise((r) => setTimeout(r, 10));
    await super.close(server);
  }

  private get clients(): WebSocket[] {
    return this.gateways.flatMap((gateway) => [...gateway.server.clients]);
  }

  /** Sends everybody away with 1001: they come back to another node. */
  private endAll(): void {
    for (const client of this.clients) {
      client.close(CLOSE.goingAway, 'the node takes no new work; connect again');
      setTimeout(() => client.terminate(), CLOSE_GRACE_MS).unref();
    }
  }

  override async dispose(): Promise<void> {
    this.attachedTo?.off('upgrade', this.onUpgrade);
    await super.dispose();
  }

  /** Nothing reads the socket until the upgrade is done, so what the client sends meanwhile is kept. */
  private async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const onError = () => socket.destroy();
    socket.on('error', onError);
    try {
      if (this.health.draining) throw unavailable('DRAINING', 'This node takes no new work; connect again');
      const { gateway, params, url } = this.find(request);
      request.socketParams = params;
      request.admission = await this.handshakes.admit(gateway.path, { request, url, params });
      if (socket.destroyed) return;
      socket.removeListener('error', onError);
      gateway.server.handleUpgrade(request, socket, head, (client) => {
        request.url = url.pathname; // the query may hold a token: nothing later shall log it
        gateway.server.emit('connection', client, request);
      });
    } catch (e) {
      refuseUpgrade(socket, this.answerTo(e));
    }
  }

  private find(request: IncomingMessage) {
    const target = request.url ?? '/';
    const base = 'ws://localhost';
    if (request.listener === 'admin' || !URL.canParse(target, base)) throw notFound('WebSocket');
    const url = new URL(target, base);
    for (const gateway of this.gateways) {
      const params = gateway.match(url.pathname);
      if (params) return { gateway, params, url };
    }
    throw notFound('WebSocket', url.pathname.slice(0, 200));
  }

  private answerTo(error: unknown): AppError {
    const known = toAppError(error);
    if (!known) this.log.error('A WebSocket handshake failed', error as Error);
    return known ?? new AppError(500, 'INTERNAL_ERROR', 'Something went wrong on our side');
  }
}

function jsonOrNull(data: WebSocket.RawData): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    return null;
  }
}

function compile(pattern: string): PathMatcher {
  const names: string[] = [];
  const source = pattern
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:([A-Za-z_]\w*)/g, (_match, name: string) => {
      names.push(name);
      return '([^/]+)';
    });
  const regexp = new RegExp(`^${source}/?$`);
  return (path) => {
    const match = regexp.exec(path);
    if (!match) return null;
    try {
      return Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1]!)]));
    } catch {
      return null;
    }
  };
}
