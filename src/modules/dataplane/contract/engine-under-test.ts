import type { KeyPair } from '../../../common/tls.js';
import type { DataPlaneEngine } from '../engine.js';
import type { PoolConfig, RouteConfig, RouteFeatures } from '../snapshot.js';
import { backendOf, poolOf, routeOf, sliceOf, snapshotOf, Upstream } from './support.js';

/** Makes an engine that is not started yet and will listen on a free port of 127.0.0.1. */
export type EngineFactory = (options?: TlsOptions) => Promise<DataPlaneEngine>;

export interface TlsOptions {
  readonly defaultCertificate?: KeyPair;
}

/** The engine of one test, with its upstreams. */
export class EngineUnderTest {
  engine!: DataPlaneEngine;
  /** Version of the last snapshot. */
  version = 0;
  private upstreams: Upstream[] = [];
  private engines: DataPlaneEngine[] = [];

  constructor(private readonly factory: EngineFactory) {}

  async begin(): Promise<void> {
    this.version = 0;
    this.upstreams = [];
    this.engines = [];
    this.engine = await this.make();
    await this.engine.start();
  }

  /** Another engine, not started; it is stopped at the end. */
  async make(options?: TlsOptions): Promise<DataPlaneEngine> {
    const engine = await this.factory(options);
    this.engines.push(engine);
    return engine;
  }

  async end(): Promise<void> {
    for (const engine of this.engines) await engine.stop(0);
    await Promise.all(this.upstreams.map((upstream) => upstream.kill()));
  }

  async up(...options: Parameters<typeof Upstream.start>): Promise<Upstream> {
    const upstream = await Upstream.start(...options);
    this.upstreams.push(upstream);
    return upstream;
  }

  ups(...names: string[]): Promise<Upstream[]> {
    return Promise.all(names.map((name) => this.up(name)));
  }

  /** Applies one tenant's configuration as the next version. */
  use(pools: readonly PoolConfig[], routes: readonly RouteConfig[] = [routeOf()]): Promise<void> {
    return this.engine.apply(snapshotOf(++this.version, sliceOf(pools, routes)));
  }

  /** One pool behind a.test. */
  usePool(servers: readonly Upstream[], config: Partial<PoolConfig> = {}): Promise<void> {
    return this.use([
      poolOf(
        servers.map(({ port }) => backendOf(port)),
        config,
      ),
    ]);
  }

  /** One upstream and one route with the given features. */
  async useRoute(features: RouteFeatures, route: Partial<RouteConfig> = {}): Promise<Upstream> {
    const upstream = await this.up('u');
    await this.use([poolOf([backendOf(upstream.port)])], [routeOf(route, features)]);
    return upstream;
  }
}
