import { EmbeddedEngine } from '../../src/modules/dataplane/embedded/embedded-engine.js';
import type { EmbeddedEngineOptions } from '../../src/modules/dataplane/embedded/options.js';
import type { BackendConfig, PoolConfig, RouteConfig } from '../../src/modules/dataplane/snapshot.js';
import {
  type Answer,
  type CallOptions,
  call,
  LOOPBACK,
  poolConfig,
  RawClient,
  rawExchange,
  routeConfig,
  sliceOf,
  snapshotOf,
  startUpstream,
  type TestUpstream,
} from './dataplane.js';

export const HOST = 'site.example.com';

/** An engine on loopback with one tenant, one pool `p1` and one route `r1`, and everything that must be closed after. */
export class EngineHarness {
  engine: EmbeddedEngine;
  private version = 0;
  private readonly closers: (() => Promise<void>)[] = [];

  async start(options: Partial<EmbeddedEngineOptions> = {}): Promise<void> {
    this.engine = new EmbeddedEngine({ host: LOOPBACK, httpPort: 0, ...options });
    await this.engine.start();
  }

  get port(): number {
    return this.engine.health().ports.http!;
  }

  async upstream(...args: Parameters<typeof startUpstream>): Promise<TestUpstream> {
    const upstream = await startUpstream(...args);
    this.onClose(() => upstream.close());
    return upstream;
  }

  onClose(close: () => Promise<void>): void {
    this.closers.push(close);
  }

  /** Applies one pool with these backends behind the route for HOST. */
  async serve(
    backends: readonly BackendConfig[],
    pool: Partial<PoolConfig> = {},
    route: Partial<RouteConfig> = {},
  ): Promise<void> {
    await this.apply([poolConfig('p1', backends, pool)], [routeConfig('r1', HOST, 'p1', route)]);
  }

  async apply(pools: readonly PoolConfig[], routes: readonly RouteConfig[]): Promise<void> {
    await this.engine.apply(snapshotOf(++this.version, sliceOf('t1', pools, routes)));
  }

  call(path = '/', options: CallOptions = {}, host = HOST): Promise<Answer> {
    return call(this.port, host, path, options);
  }

  raw(text: string): Promise<string> {
    return rawExchange(this.port, text);
  }

  client(allowHalfOpen = true): RawClient {
    const client = new RawClient(this.port, allowHalfOpen);
    this.onClose(async () => {
      client.socket.destroy();
    });
    return client;
  }

  async close(): Promise<void> {
    await this.engine.stop(0);
    for (const close of this.closers.splice(0)) await close();
  }
}
