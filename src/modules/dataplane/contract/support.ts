import { once } from 'node:events';
import {
  type Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataPlaneEngine } from '../engine.js';
import type {
  BackendConfig,
  HealthCheckConfig,
  PoolConfig,
  RouteConfig,
  RouteFeatures,
  Snapshot,
  TenantSlice,
} from '../snapshot.js';

/** Building blocks of tests that run a data-plane engine with real upstreams and clients on loopback. */

export const NO_CHECK: HealthCheckConfig = {
  enabled: false,
  path: '/health',
  intervalMs: 1000,
  timeoutMs: 500,
  expectedStatus: 200,
  rise: 1,
  fall: 2,
};

export const QUICK_CHECK: HealthCheckConfig = { ...NO_CHECK, enabled: true, intervalMs: 100 };

export function backendOf(port: number, config: Partial<BackendConfig> = {}): BackendConfig {
  return {
    id: `backend_${port}`,
    host: '127.0.0.1',
    port,
    weight: 100,
    region: null,
    adminState: 'enabled',
    healthCheck: NO_CHECK,
    ...config,
  };
}

export function poolOf(backends: readonly BackendConfig[], config: Partial<PoolConfig> = {}): PoolConfig {
  return {
    id: 'pool_a',
    name: 'a',
    algorithm: 'round_robin',
    stickySessions: false,
    connectTimeoutMs: 1000,
    responseTimeoutMs: 2000,
    retries: 2,
    backends,
    ...config,
  };
}

export function routeOf(config: Partial<RouteConfig> = {}, features: RouteFeatures = {}): RouteConfig {
  return {
    id: 'route_a',
    host: 'a.test',
    pathPrefix: '/',
    targets: [{ poolId: 'pool_a', weight: 100 }],
    sslEnabled: false,
    features,
    ...config,
  };
}

export function sliceOf(
  pools: readonly PoolConfig[],
  routes: readonly RouteConfig[],
  tenantId = 'tenant_a',
): TenantSlice {
  return { tenantId, pools, routes };
}

export function snapshotOf(version: number, ...slices: readonly TenantSlice[]): Snapshot {
  return { version, tenants: new Map(slices.map((slice) => [slice.tenantId, slice])) };
}

type Handler = (request: IncomingMessage, response: ServerResponse, upstream: Upstream) => void;

/** What an upstream answers by default: what it saw, as JSON. */
export interface Echo {
  readonly name: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A real HTTP server. */
export class Upstream {
  readonly requests: { method: string; url: string }[] = [];
  /** Status of health checks (`GET /health`). */
  health = 200;
  checks = 0;
  inFlight = 0;
  private readonly sockets = new Set<Socket>();

  port = 0;

  private constructor(
    readonly name: string,
    readonly server: Server,
  ) {}

  static async start(name: string, handler: Handler = echo, port = 0): Promise<Upstream> {
    const server = createServer();
    const upstream = new Upstream(name, server);
    server.on('connection', (socket: Socket) => {
      upstream.sockets.add(socket);
      socket.on('close', () => upstream.sockets.delete(socket));
    });
    server.on('request', (request, response) => upstream.handle(request, response, handler));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    upstream.port = (server.address() as AddressInfo).port;
    return upstream;
  }

  /** Gone at once, as after `kill -9`. */
  async kill(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private handle(request: IncomingMessage, response: ServerResponse, handler: Handler): void {
    if (request.url === '/health') {
      this.checks++;
      response.writeHead(this.health).end();
      return;
    }
    this.requests.push({ method: request.method!, url: request.url! });
    this.inFlight++;
    response.on('close', () => this.inFlight--);
    handler(request, response, this);
  }
}

function echo(request: IncomingMessage, response: ServerResponse, { name }: Upstream): void {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    const { method, url, headers } = request;
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-upstream', name);
    response.end(JSON.stringify({ name, method, url, headers, body }));
  });
}

export interface ClientOptions {
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
  /** Source address, anything in 127.0.0.0/8. */
  readonly from?: string;
  readonly agent?: Agent;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The body of an upstream of these tests. */
  readonly echo: Echo;
}

/** One request to the engine, on a connection of its own unless an agent is given. */
export function get(engine: DataPlaneEngine, path = '/', options: ClientOptions = {}): Promise<Answer> {
  const { host = 'a.test', method = 'GET', headers = {}, body, from, agent } = options;
  const outgoing = request({
    host: '127.0.0.1',
    port: engine.health().ports.http!,
    path,
    method,
    headers: { host, ...headers },
    localAddress: from,
    agent: agent ?? false,
    timeout: 15_000,
  });
  return send(outgoing, body);
}

/** Sends the body and resolves with the whole answer; the request's own `timeout` ends the wait. */
export function send(outgoing: ClientRequest, body: ClientOptions['body']): Promise<Answer> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve(answerOf(response, text)));
    });
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`no answer to ${outgoing.method} ${outgoing.path}`)),
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function answerOf(response: IncomingMessage, body: string): Answer {
  return {
    status: response.statusCode!,
    headers: response.headers,
    body,
    get echo() {
      return JSON.parse(body) as Echo;
    },
  };
}

/** Sends bytes as they are and returns what comes back until the connection ends or is idle for 700 ms. */
export async function raw(engine: DataPlaneEngine, bytes: string): Promise<string> {
  const socket = connect(engine.health().ports.http!, '127.0.0.1');
  let text = '';
  socket.setTimeout(700, () => socket.destroy());
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return text;
}

/** How many answers each upstream gave. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, headers } of answers) {
    const name = status === 200 ? String(headers['x-upstream']) : String(status);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Requests one after the other. */
export async function burst(
  engine: DataPlaneEngine,
  count: number,
  path = '/',
  options: ClientOptions = {},
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let i = 0; i < count; i++) answers.push(await get(engine, path, options));
  return answers;
}

/** Waits until the condition holds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 8000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await sleep(20);
  }
}

/** Clients that keep asking until stopped; every answer but 200 and every broken connection is noted. */
export class Load {
  readonly failures: string[] = [];
  served = 0;
  private running = true;
  private readonly clients: Promise<void>[];

  constructor(
    engine: DataPlaneEngine,
    clients: number,
    options: (client: number) => ClientOptions = () => ({}),
  ) {
    this.clients = Array.from({ length: clients }, (_, client) => this.run(engine, options(client)));
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.clients);
  }

  private async run(engine: DataPlaneEngine, options: ClientOptions): Promise<void> {
    while (this.running) {
      try {
        const { status } = await get(engine, '/', options);
        if (status === 200) this.served++;
        else this.failures.push(String(status));
      } catch (error) {
        this.failures.push((error as Error).message);
      }
    }
  }
}
