import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { EngineLimits } from '../options.js';
import type { CertificateStore } from '../tls/certificate-store.js';
import { Refusal, rawAnswer } from './answers.js';

/** Checks connections against the time limits this often. */
const CHECK_INTERVAL_MS = 1_000;
/** A client that sends more requests ahead of the answers is cut off. */
const MAX_PIPELINED = 100;

/** A request as it comes from the listener. */
export interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: ClientConnection;
  readonly scheme: 'http' | 'https';
  readonly expectsContinue: boolean;
  /** Protocol of the Upgrade field, lower case, when the client wants to switch. */
  readonly upgrade: string | null;
  /** Whoever answers; told once when the answer is out or the client is gone. */
  owner: { closed(): void } | null;
}

/** One client connection: how much went over it and whether it is busy. */
export class ClientConnection {
  /** Requests on it without a complete answer: the one under way and those that wait for it. */
  readonly requests: Incoming[] = [];
  /** The answer that ends it is out: what comes after is not looked at. */
  closing = false;
  private read = 0;
  private written = 0;

  constructor(readonly socket: Socket) {}

  /** Bytes since the last call. */
  take(): { in: number; out: number } {
    const { bytesRead, bytesWritten } = this.socket;
    const bytes = { in: bytesRead - this.read, out: bytesWritten - this.written };
    this.read = bytesRead;
    this.written = bytesWritten;
    return bytes;
  }
}

/**
 * A listener for HTTP/1.1 on node:http: everything that protects against a client's connection is here. A second
 * one (TLS) may share the same handler.
 */
export class HttpFront {
  private readonly server: Server;
  private readonly connections = new Map<Socket, ClientConnection>();
  /** TCP connections below TLS, also before their handshake. */
  private readonly tcp = new Set<Socket>();
  private stopping = false;
  private inFlight = 0;

  constructor(
    limits: EngineLimits,
    private readonly scheme: 'http' | 'https',
    private readonly handle: (incoming: Incoming) => void,
    /** Told of errors that should not happen; the request is given up, the engine goes on. */
    private readonly onError: (error: unknown) => void,
    /** For https. */
    certificates: CertificateStore | null = null,
  ) {
    const options = {
      insecureHTTPParser: false,
      // Checked by us, with our error body.
      requireHostHeader: false,
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      // Bodies have limits of their own: a long upload is fine as long as it moves.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      noDelay: true,
    };
    this.server = certificates
      ? createSecureServer({ ...options, ...tlsOptions(certificates, limits) })
      : createServer(options);
    if (certificates) this.server.on('connection', (socket: Socket) => this.onTcp(socket));
    // Counted by us: node would drop the surplus silently.
    this.server.maxHeadersCount = 0;
    this.server.maxConnections = limits.maxConnections;
    this.server.on(this.accepted, (socket: Socket) => this.onConnection(socket));
    this.server.on('request', (request, response) => this.onRequest(request, response, false));
    this.server.on('checkContinue', (request, response) => this.onRequest(request, response, true));
    this.server.on('upgrade', (request, socket, head) => this.onUpgrade(request, socket as Socket, head));
    this.server.on('connect', (_request, socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(rawAnswer(NO_CONNECT), () => socket.destroy());
    });
    this.server.on('clientError', (error, socket) => this.onClientError(error, socket as Socket));
  }

  /** Event of node's server that gives it a connection to read requests from. */
  private get accepted(): 'connection' | 'secureConnection' {
    return this.scheme === 'https' ? 'secureConnection' : 'connection';
  }

  get openConnections(): number {
    return this.connections.size;
  }

  /** Requests without a complete answer, WebSocket connections included. */
  get requestsInFlight(): number {
    return this.inFlight;
  }

  get port(): number | null {
    return (this.server.address() as AddressInfo | null)?.port ?? null;
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  /** Stops accepting and closes what is idle; resolves when every connection is closed. */
  drain(): Promise<void> {
    this.stopping = true;
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      for (const connection of this.connections.values()) this.closeIfIdle(connection);
    });
  }

  /** Cuts every connection. */
  destroy(): void {
    for (const socket of this.connections.keys()) socket.destroy();
    for (const socket of this.tcp) socket.destroy();
  }

  private onTcp(socket: Socket): void {
    this.tcp.add(socket);
    socket.on('close', () => this.tcp.delete(socket));
  }

  private onConnection(socket: Socket): void {
    if (this.connections.has(socket)) return;
    const connection = new ClientConnection(socket);
    this.connections.set(socket, connection);
    socket.on('close', () => {
      connection.closing = true;
      this.connections.delete(socket);
    });
  }

  private onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    this.enqueue({
      request,
      response,
      connection: this.connectionOf(request.socket),
      scheme: this.scheme,
      expectsContinue,
      upgrade: null,
      owner: null,
    });
  }

  private onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const connection = this.connectionOf(socket);
    // Answers to earlier requests on this connection are still under way; no client does that.
    if (connection.requests.length > 0) {
      socket.destroy();
      return;
    }
    const upgrade = (request.headers.upgrade ?? '').toLowerCase();
    if (head.length > 0) socket.unshift(head);
    if (upgrade !== 'websocket' || request.method !== 'GET') {
      this.ignoreUpgrade(request, socket);
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.destroySoon());
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => response.emit('drain'));
    this.enqueue({
      request,
      response,
      connection,
      scheme: this.scheme,
      expectsContinue: false,
      upgrade,
      owner: null,
    });
  }

  /**
   * Any other protocol (h2c, as some clients offer by default) is declined by going on in HTTP/1.1: the request goes
   * through the parser again without its Upgrade field.
   */
  private ignoreUpgrade(request: IncomingMessage, socket: Socket): void {
    const { rawHeaders, method, url, httpVersion } = request;
    let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i].toLowerCase();
      const value = name === 'connection' ? withoutToken(rawHeaders[i + 1], 'upgrade') : rawHeaders[i + 1];
      if (name !== 'upgrade' && (name !== 'connection' || value !== ''))
        head += `${rawHeaders[i]}: ${value}\r\n`;
    }
    socket.unshift(Buffer.from(`${head}\r\n`, 'latin1'));
    this.server.emit(this.accepted, socket);
  }

  private connectionOf(socket: Socket): ClientConnection {
    return this.connections.get(socket) ?? new ClientConnection(socket);
  }

  /** The parser gave up: answer unless an answer is under way, and close. */
  private onClientError(error: Error, socket: Socket): void {
    const { code } = error as { code?: string };
    // A handshake that failed: there is nothing to answer on.
    if (!this.connections.has(socket)) return void socket.destroy();
    const { closing, requests } = this.connectionOf(socket);
    if (code === 'ECONNRESET' || !socket.writable || requests.length > 0) {
      socket.destroy();
    } else if (closing) {
      socket.destroySoon();
    } else {
      socket.end(rawAnswer(CLIENT_ERRORS[code ?? ''] ?? BAD_REQUEST), () => socket.destroy());
    }
  }

  /** Pipelined requests are answered one after the other (RFC 9112 §9.3.2). */
  private enqueue(incoming: Incoming): void {
    const { requests, socket } = incoming.connection;
    if (incoming.connection.closing) return;
    if (requests.length > MAX_PIPELINED) {
      socket.destroy();
      return;
    }
    requests.push(incoming);
    if (requests.length === 1) this.begin(incoming);
  }

  private begin(incoming: Incoming): void {
    const { response } = incoming;
    this.inFlight++;
    response.on('close', () => this.closed(incoming));
    // Writing to a client that is just gone is no fault; its `close` follows.
    response.on('error', () => undefined);
    try {
      this.handle(incoming);
    } catch (error) {
      this.onError(error);
      response.destroy();
      incoming.connection.socket.destroy();
    }
  }

  private closed({ connection, owner, response }: Incoming): void {
    this.inFlight--;
    owner?.closed();
    const { requests } = connection;
    requests.shift();
    // Nothing that came behind a request whose answer ends the connection is looked at: it may be smuggled.
    if (!response.shouldKeepAlive) connection.closing = true;
    if (connection.closing || connection.socket.destroyed) requests.length = 0;
    if (requests.length > 0) this.begin(requests[0]);
    else if (this.stopping) this.closeIfIdle(connection);
  }

  private closeIfIdle(connection: ClientConnection): void {
    if (connection.requests.length === 0) connection.socket.destroySoon();
  }
}

/** HTTP/2 is not offered: this engine speaks HTTP/1.1 on both doors. */
function tlsOptions(certificates: CertificateStore, limits: EngineLimits): TlsOptions {
  return {
    ...certificates.listenerOptions,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: limits.headersTimeoutMs,
    SNICallback: (name, done) => {
      const context = certificates.find(name);
      if (context) done(null, context);
      else done(new Error('no certificate for this name'));
    },
  };
}

/** A comma-separated list without one of its tokens (lower case). */
function withoutToken(list: string, token: string): string {
  return list
    .split(',')
    .filter((part) => part.trim().toLowerCase() !== token)
    .join(',')
    .trim();
}

const CLIENT_ERRORS: Record<string, Refusal> = {
  HPE_HEADER_OVERFLOW: new Refusal(431, 'HEADERS_TOO_LARGE', 'The header fields are too large'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new Refusal(413, 'BAD_REQUEST', 'Chunk extensions are too large'),
  ERR_HTTP_REQUEST_TIMEOUT: new Refusal(408, 'REQUEST_TIMEOUT', 'The request head came too slowly'),
};
const NO_CONNECT = new Refusal(405, 'METHOD_NOT_ALLOWED', 'CONNECT is not supported');
const BAD_REQUEST = new Refusal(400, 'BAD_REQUEST', 'The request is not valid HTTP/1.1');
