import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type EngineLimits, MAX_PIPELINED } from '../options.js';
import type { Incoming } from '../proxy/incoming.js';
import type { BodyLength } from '../proxy/linger.js';
import { Refusal, rawAnswer } from './answers.js';
import { plainAddress } from './headers.js';
import { NodeReply } from './node-reply.js';
import { BAD_REQUEST, HEAD_TOO_SLOW } from './refusals.js';
import { readRequestHead } from './request-head.js';

export interface NodePathOptions {
  readonly limits: EngineLimits;
  readonly scheme: 'http' | 'https';
  readonly handle: (incoming: Incoming) => void;
  /** Told of errors that should not happen; the request is given up, the engine goes on. */
  readonly onError: (error: unknown) => void;
}

/** A request on node:http. */
interface NodeRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: ClientConnection;
  readonly expectsContinue: boolean;
  /** Protocol of the Upgrade field, lower case, when the client wants to switch. */
  readonly upgrade: string | null;
  /** Whoever answers; told once when the answer is out or the client is gone. */
  incoming: Incoming | null;
}

/** One client connection: how much went over it and whether it is busy. */
export class ClientConnection {
  /** Requests on it without a complete answer: the one under way and those that wait for it. */
  readonly requests: NodeRequest[] = [];
  /** The answer that ends it is out: what comes after is not looked at. */
  closing = false;
  private read: number;
  private written: number;

  /** @param unread Bytes that were read from the socket for somebody else, and given back. */
  constructor(
    readonly socket: Socket,
    unread = 0,
  ) {
    this.read = socket.bytesRead - unread;
    this.written = socket.bytesWritten;
  }

  /** Bytes since the last call. */
  take(): { in: number; out: number } {
    const { bytesRead, bytesWritten } = this.socket;
    const bytes = { in: bytesRead - this.read, out: bytesWritten - this.written };
    this.read = bytesRead;
    this.written = bytesWritten;
    return bytes;
  }
}

/** The connections of one listener that node:http reads. */
export class NodePath {
  private readonly connections = new Map<Socket, ClientConnection>();
  /** What node's server does with a connection. */
  private readonly read: (this: Server, socket: Socket) => void;
  private stopping = false;
  private inFlight = 0;

  /** @param accepted Event with which the server gets connections: it gets only those that are given to `accept`. */
  constructor(
    private readonly server: Server,
    accepted: 'connection' | 'secureConnection',
    private readonly options: NodePathOptions,
  ) {
    [this.read] = server.listeners(accepted) as ((socket: Socket) => void)[];
    server.off(accepted, this.read);
    server.on('request', (request, response) => this.onRequest(request, response, false));
    server.on('checkContinue', (request, response) => this.onRequest(request, response, true));
    server.on('upgrade', (request, socket, head) => this.onUpgrade(request, socket as Socket, head));
    server.on('connect', (_request, socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(rawAnswer(NO_CONNECT), () => socket.destroy());
    });
    server.on('clientError', (error, socket) => this.onClientError(error, socket as Socket));
  }

  get openConnections(): number {
    return this.connections.size;
  }

  /** Requests without a complete answer, WebSocket connections included. */
  get requestsInFlight(): number {
    return this.inFlight;
  }

  /** @param rest What was read from the socket already and not used. */
  accept(socket: Socket, rest: Buffer): void {
    this.onConnection(socket, rest.length);
    socket.pause();
    if (rest.length > 0) socket.unshift(rest);
    this.read.call(this.server, socket);
    socket.resume();
  }

  /** From here on connections end when they are idle. */
  drain(): void {
    this.stopping = true;
    for (const connection of this.connections.values()) this.closeIfIdle(connection);
  }

  /** Cuts every connection. */
  destroy(): void {
    for (const socket of this.connections.keys()) socket.destroy();
  }

  private onConnection(socket: Socket, unread: number): void {
    const connection = new ClientConnection(socket, unread);
    this.connections.set(socket, connection);
    socket.on('close', () => {
      connection.closing = true;
      this.connections.delete(socket);
    });
  }

  private onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = this.connectionOf(request.socket);
    this.enqueue({ request, response, connection, expectsContinue, upgrade: null, incoming: null });
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
    this.enqueue({ request, response, connection, expectsContinue: false, upgrade, incoming: null });
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
    this.read.call(this.server, socket);
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
  private enqueue(one: NodeRequest): void {
    const { requests, socket, closing } = one.connection;
    if (closing) return;
    if (requests.length > MAX_PIPELINED) {
      socket.destroy();
      return;
    }
    requests.push(one);
    if (requests.length === 1) this.begin(one);
  }

  private begin(one: NodeRequest): void {
    const { response } = one;
    this.inFlight++;
    response.on('close', () => this.closed(one));
    // Writing to a client that is just gone is no fault; its `close` follows.
    response.on('error', () => undefined);
    try {
      one.incoming = this.incomingOf(one);
      this.options.handle(one.incoming);
    } catch (error) {
      this.options.onError(error);
      response.destroy();
      one.connection.socket.destroy();
    }
  }

  private incomingOf(one: NodeRequest): Incoming {
    const { request, response, connection, expectsContinue, upgrade } = one;
    const { socket } = connection;
    const head = readRequestHead(request, this.options.limits.maxHeaderCount);
    const body = head instanceof Refusal || upgrade ? UNKNOWN_BODY : head;
    return {
      request: {
        method: request.method!,
        httpVersion: request.httpVersion,
        rawHeaders: request.rawHeaders,
        body: request,
      },
      reply: new NodeReply(request, response, body, this.options.limits.clientStallTimeoutMs),
      head,
      clientAddress: plainAddress(socket.remoteAddress),
      meter: connection,
      scheme: this.options.scheme,
      expectsContinue,
      upgrade: upgrade ? { protocol: upgrade, socket, response } : null,
      owner: null,
    };
  }

  private closed({ connection, incoming, response }: NodeRequest): void {
    this.inFlight--;
    incoming?.owner?.closed();
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
  ERR_HTTP_REQUEST_TIMEOUT: HEAD_TOO_SLOW,
};
const NO_CONNECT = new Refusal(405, 'METHOD_NOT_ALLOWED', 'This method is not forwarded');
/** Of a request whose framing is in doubt. */
const UNKNOWN_BODY: BodyLength = { hasBody: false, contentLength: null };
