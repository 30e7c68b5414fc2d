import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { FastPath } from '../fast/fast-path.js';
import type { EngineLimits } from '../options.js';
import type { Incoming } from '../proxy/incoming.js';
import type { CertificateStore } from '../tls/certificate-store.js';
import { NodePath } from './node-path.js';

/** Checks connections against the time limits this often. */
const CHECK_INTERVAL_MS = 1_000;

export interface HttpFrontOptions {
  readonly limits: EngineLimits;
  /** Null: plain HTTP. */
  readonly certificates: CertificateStore | null;
  readonly handle: (incoming: Incoming) => void;
  /** Told of errors that should not happen; the request is given up, the engine goes on. */
  readonly onError: (error: unknown) => void;
  /** False: node:http reads every connection from its beginning. */
  readonly fastPath: boolean;
}

/**
 * A listener for HTTP/1.1: everything that protects against a client's connection is here. Connections begin on the
 * fast path; one that asks for more than plain requests goes on with node:http. A second listener (TLS) may share the
 * same handler.
 */
export class HttpFront {
  private readonly server: Server;
  private readonly fast: FastPath;
  private readonly node: NodePath;
  /** TCP connections below TLS, also before their handshake. */
  private readonly tcp = new Set<Socket>();

  constructor(options: HttpFrontOptions) {
    const { limits, certificates } = options;
    const httpOptions = {
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
      ? createSecureServer({ ...httpOptions, ...tlsOptions(certificates, limits) })
      : createServer(httpOptions);
    if (certificates) this.server.on('connection', (socket: Socket) => this.onTcp(socket));
    // Counted by us: node would drop the surplus silently.
    this.server.maxHeadersCount = 0;
    this.server.maxConnections = limits.maxConnections;
    const scheme = certificates ? 'https' : 'http';
    // Of node's server, when it has a connection to read requests from.
    const accepted = certificates ? 'secureConnection' : 'connection';
    this.node = new NodePath(this.server, accepted, { ...options, scheme });
    this.fast = new FastPath({
      ...options,
      scheme,
      handOver: (socket, rest) => this.node.accept(socket, rest),
    });
    this.server.on(accepted, (socket: Socket) => {
      if (options.fastPath) this.fast.accept(socket);
      else this.node.accept(socket, NOTHING);
    });
  }

  get openConnections(): number {
    return this.node.openConnections + this.fast.openConnections;
  }

  /** Requests without a complete answer, WebSocket connections included. */
  get requestsInFlight(): number {
    return this.node.requestsInFlight + this.fast.requestsInFlight;
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
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.node.drain();
      this.fast.drain();
    });
  }

  /** Cuts every connection. */
  destroy(): void {
    this.node.destroy();
    this.fast.destroy();
    for (const socket of this.tcp) socket.destroy();
  }

  private onTcp(socket: Socket): void {
    this.tcp.add(socket);
    socket.on('close', () => this.tcp.delete(socket));
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

const NOTHING = Buffer.alloc(0);
