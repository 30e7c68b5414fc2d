import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';

export type ListenerName = 'public' | 'admin';

declare module 'node:http' {
  interface IncomingMessage {
    /** Name of the listening socket that the request came in on; absent on the main one, which is public. */
    listener?: ListenerName;
  }
}

const CLOSE_IDLE_EVERY_MS = 50;

/**
 * Several listening sockets in front of one Fastify instance: same router, hooks, error handling and gateways.
 * `/admin/…` answers on the admin listener and nowhere else, and the admin listener answers nothing else.
 */
export class Listeners {
  private readonly extra: Server[] = [];
  private ending = false;
  private stopping = false;
  private inHand = 0;

  constructor(private readonly fastify: FastifyInstance) {
    fastify.addHook('onRequest', (request, reply, done) => {
      const admin = request.raw.listener === 'admin';
      // of the route that was found, as the address may write it otherwise: /%61dmin/config
      const route = request.routeOptions.url;
      const path = route === undefined || route.includes('*') ? (request.raw.url ?? '') : route;
      const adminPath = path === '/admin' || path.startsWith('/admin/') || path.startsWith('/admin?');
      if (admin === adminPath) done();
      else reply.callNotFound();
    });
    fastify.addHook('onSend', (_request, reply, payload, done) => {
      if (this.ending) reply.header('connection', 'close');
      done(null, payload);
    });
    fastify.addHook('onRequest', (_request, reply, done) => {
      this.inHand++;
      reply.raw.once('close', () => this.inHand--);
      done();
    });
    // runs inside app.close(), before the main server is closed: requests in flight on every port are awaited
    fastify.addHook('preClose', () => this.close());
  }

  /** Opens one more socket. @returns the port as bound */
  async listen(name: ListenerName, port: number, host: string): Promise<number> {
    const main = this.fastify.server;
    const server = createServer({
      requestTimeout: main.requestTimeout,
      headersTimeout: main.headersTimeout,
      keepAliveTimeout: main.keepAliveTimeout,
      maxHeaderSize: 16_384,
      connectionsCheckingInterval: 1000,
    });
    server.on('request', (request, response) => {
      request.listener = name;
      this.fastify.routing(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket, head) => {
      request.listener = name;
      main.emit('upgrade', request, socket, head);
    });
    server.on('clientError', (error, socket) => main.emit('clientError', error, socket));
    await new Promise<void>((ok, ko) => server.once('error', ko).listen(port, host, ok));
    this.extra.push(server);
    return (server.address() as AddressInfo).port;
  }

  /** Requests that are being answered. */
  get requestsInHand(): number {
    return this.inHand;
  }

  /** Whether every answer ends its connection, so that clients go elsewhere. Idle ones are left: a request may be on its way. */
  endConnections(ending: boolean): void {
    this.ending = ending || this.stopping;
  }

  /** Before a stop: every answer ends its connection, and connections that fall idle are closed at once. */
  drain(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.ending = true;
    setInterval(() => {
      for (const server of [this.fastify.server, ...this.extra]) server.closeIdleConnections();
    }, CLOSE_IDLE_EVERY_MS).unref();
  }

  private async close(): Promise<void> {
    this.drain();
    await Promise.all(this.extra.map((server) => new Promise<void>((ok) => server.close(() => ok()))));
  }
}
