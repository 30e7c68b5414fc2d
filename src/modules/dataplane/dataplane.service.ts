import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { unavailable } from '../../common/errors.js';
import { isDatabaseDown, Notifications } from '../../platform/database/index.js';
import { outsideOfRequest } from '../../platform/http/index.js';
import { CONFIGURATION_CHANGED } from '../../platform/journal/index.js';
import { HealthRegistry } from '../../platform/observability/index.js';
import { NodesService } from '../cluster/index.js';
import { TrafficMetrics } from '../telemetry/index.js';
import type { DataPlaneStatusResponse } from './dataplane.dto.js';
import { type DataPlaneEngine, type EngineStats, type HealthChange, SnapshotRefused } from './engine.js';
import { ENGINE } from './engine.provider.js';
import { snapshotHash } from './snapshot-hash.js';
import { SnapshotKeeper } from './snapshot-keeper.js';
import { RELOAD, SnapshotSource } from './snapshot-source.js';

/** This node's engine: kept at the newest configuration, and what it says of itself. */
@Injectable()
export class DataPlaneService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('data plane');
  private readonly keeper: SnapshotKeeper;

  constructor(
    @Inject(ENGINE) private readonly engine: DataPlaneEngine,
    private readonly source: SnapshotSource,
    private readonly nodes: NodesService,
    private readonly notifications: Notifications,
    metrics: TrafficMetrics,
    health: HealthRegistry,
  ) {
    health.registerLoad('proxy', () => this.engine.stats().requestsInFlight);
    this.keeper = new SnapshotKeeper({
      engine,
      read: (since) => source.changedSince(since),
      onOutcome: (version, error) => void this.report(version, error),
      onSlice: (tenantId, slice) => metrics.setTenant(tenantId, slice?.pools ?? []),
    });
  }

  /** The sockets open only when there is something to serve: a restart answers nobody 404. */
  async onApplicationBootstrap(): Promise<void> {
    const refresh = () => void this.keeper.refresh();
    this.notifications.on(CONFIGURATION_CHANGED, refresh);
    this.notifications.on(RELOAD, refresh);
    this.notifications.onReconnect(refresh);
    this.nodes.onVersionSeen((version) => {
      if (version > this.keeper.current.version) refresh();
    });
    await this.keeper.refresh();
    await this.engine.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.keeper.stop();
  }

  status(): DataPlaneStatusResponse {
    const { running, version, ports, lastError } = this.engine.health();
    return {
      engine: this.engine.kind,
      running,
      version: Math.max(this.keeper.desiredVersion, version),
      applied_version: version,
      error: this.keeper.lastError ?? lastError,
      http_port: ports.http,
      https_port: ports.https,
    };
  }

  stats(): EngineStats {
    return this.engine.stats();
  }

  onHealthChange(listener: (change: HealthChange) => void): void {
    this.engine.onHealthChange(listener);
  }

  /** Why this node's engine does not run the tenant's newest configuration; null when it is not refused. */
  refusalOf(tenantId: string): string | null {
    return this.keeper.refusalOf(tenantId);
  }

  /** Resolves once this node runs `version` or cannot, or after `timeoutMs`. */
  async caughtUp(version: number, timeoutMs: number): Promise<void> {
    if (this.keeper.current.version >= version) return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((ok) => {
      timer = setTimeout(ok, timeoutMs);
    });
    await Promise.race([outsideOfRequest(() => this.keeper.reached(version)), limit]);
    clearTimeout(timer);
  }

  /**
   * Makes every node read the whole configuration again, and waits for this one.
   * @returns the version in effect here and the SHA-256 of the configuration
   * @throws AppError 503 CONFIG_NOT_APPLIED when the engine refuses it; the last good one goes on
   */
  async reload(): Promise<{ version: number; hash: string }> {
    await this.source.markAllChanged();
    await this.keeper.refresh();
    const { current, lastError } = this.keeper;
    if (lastError)
      throw unavailable(
        'CONFIG_NOT_APPLIED',
        `The data plane still runs version ${current.version}: ${lastError}`,
      );
    return { version: current.version, hash: snapshotHash(current) };
  }

  private async report(version: number, error: Error | null): Promise<void> {
    if (error) this.logger.warn(`still at configuration ${version}: ${error.message}`);
    const refused = error instanceof SnapshotRefused || (error !== null && !isDatabaseDown(error));
    await this.nodes.reportApplied(version, refused ? error.message : null).catch(() => undefined);
  }
}
