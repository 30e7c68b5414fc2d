import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import type {
  BackendConfig,
  HealthCheckConfig,
  PoolConfig,
  RouteConfig,
  Snapshot,
  TenantSlice,
} from '../../src/modules/dataplane/snapshot.js';

export const LOOPBACK = '127.0.0.1';

/** Waits until the condition holds; fails after `timeoutMs`. */
export async function until(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end)
      throw new Error(`timed out waiting for ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface TestUpstream {
  readonly server: Server;
  readonly port: number;
  /** Requests received. */
  readonly requests: IncomingMessage[];
  /** Connections accepted. */
  connections: number;
  readonly sockets: Set<Socket>;
  /** Kills it: the port is closed and every connection reset. */
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server on loopback. Without a handler it answers 200 with its name. */
export async function startUpstream(name: string, handler?: Handler, port = 0): Promise<TestUpstream> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(request);
    if (handler) handler(request, response);
    else response.end(name);
  });
  server.on('connection', (socket) => {
    upstream.connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, LOOPBACK);
  await once(server, 'listening');
  const upstream: TestUpstream = {
    server,
    port: (server.address() as AddressInfo).port,
    requests,
    connections: 0,
    sockets,
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return upstream;
}

/** A raw TCP server on loopback, for backends that misbehave. */
export async function startTcp(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A port that nobody listens on. */
export async function deadPort(): Promise<number> {
  const upstream = await startUpstream('dead');
  await upstream.close();
  return upstream.port;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
  readonly body: string;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

/** One request on a connection of its own. */
export function call(port: number, host: string, path = '/', options: CallOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: LOOPBACK,
        port,
        path,
        method: options.method ?? 'GET',
        headers: { host, ...options.headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode, headers, rawHeaders } = response;
          resolve({ status: statusCode ?? 0, headers, rawHeaders, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

/** A raw client: everything received so far is in `text`. */
export class RawClient {
  text = '';
  closed = false;
  readonly socket: Socket;

  constructor(port: number, allowHalfOpen = true) {
    this.socket = connect({ port, host: LOOPBACK, allowHalfOpen });
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    this.socket.on('error', () => undefined);
    this.socket.on('end', () => {
      this.closed = true;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  async receives(part: string | RegExp): Promise<void> {
    const found = (): boolean => (typeof part === 'string' ? this.text.includes(part) : part.test(this.text));
    await until(() => `${part} in ${JSON.stringify(this.text)}`, found);
  }

  async isClosed(): Promise<void> {
    await until('the connection to close', () => this.closed);
  }
}

/** Sends bytes and returns everything that comes back until the other side closes. */
export async function rawExchange(port: number, text: string): Promise<string> {
  const client = new RawClient(port);
  client.send(text);
  await client.isClosed();
  client.socket.destroy();
  return client.text;
}

export const NO_CHECKS: HealthCheckConfig = {
  enabled: false,
  path: '/health',
  intervalMs: 1_000,
  timeoutMs: 500,
  expectedStatus: 200,
  rise: 2,
  fall: 2,
};

export function backendConfig(id: string, port: number, change: Partial<BackendConfig> = {}): BackendConfig {
  const fixed = { weight: 100, region: null, adminState: 'enabled', healthCheck: NO_CHECKS } as const;
  return { id, host: LOOPBACK, port, ...fixed, ...change };
}

export function poolConfig(
  id: string,
  backends: readonly BackendConfig[],
  change: Partial<PoolConfig> = {},
): PoolConfig {
  return {
    id,
    name: id,
    algorithm: 'round_robin',
    stickySessions: false,
    connectTimeoutMs: 1_000,
    responseTimeoutMs: 5_000,
    retries: 2,
    backends,
    ...change,
  };
}

export function routeConfig(
  id: string,
  host: string,
  poolId: string,
  change: Partial<RouteConfig> = {},
): RouteConfig {
  return {
    id,
    host,
    pathPrefix: '/',
    targets: [{ poolId, weight: 100 }],
    sslEnabled: false,
    features: {},
    ...change,
  };
}

export function sliceOf(
  tenantId: string,
  pools: readonly PoolConfig[],
  routes: readonly RouteConfig[],
): TenantSlice {
  return { tenantId, pools, routes };
}

export function snapshotOf(version: number, ...slices: TenantSlice[]): Snapshot {
  return { version, tenants: new Map(slices.map((slice) => [slice.tenantId, slice])) };
}
