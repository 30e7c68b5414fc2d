import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { Database, Notifications } from '../../platform/database/index.js';
import { type Periodic, repeat } from '../../platform/jobs/index.js';
import { CONFIGURATION_CHANGED, type ConfigurationChanged } from '../../platform/journal/index.js';
import { NodesService } from '../cluster/index.js';
import type { DataPlaneStatusResponse } from './dataplane.dto.js';
import { type DataPlaneEngine, type HealthChange, SnapshotRefused } from './engine.js';
import { SnapshotService } from './snapshot.service.js';

export const ENGINE = Symbol('DATA_PLANE_ENGINE');
/** Notification: a backend's health changed on some node. */
export const BACKEND_HEALTH = 'backend.health';
export type BackendHealthChanged = Omit<HealthChange, 'at'> & { at: string; node: string };

const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 5000;
/** What a missed notification would leave undone is noticed after this. */
const CHECK_MS = 2000;

/**
 * Keeps the engine at the newest configuration. A change compiles that tenant only; changes that come while one is
 * under way are taken together next. What fails is tried again with back-off, and the last good snapshot keeps running.
 */
@Injectable()
export class DataPlaneService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('dataplane');
  /** Tenants whose change is not compiled yet; null: all. */
  private pending: Set<string> | null = new Set();
  private wanted = 0;
  private working: Promise<void> | null = null;
  private error: string | null = null;
  private retryMs = RETRY_MIN_MS;
  private check?: Periodic;
  private stopped = false;

  constructor(
    @Inject(ENGINE) private readonly engine: DataPlaneEngine,
    private readonly snapshots: SnapshotService,
    private readonly nodes: NodesService,
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly environment: Environment,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.notifications.on<ConfigurationChanged>(CONFIGURATION_CHANGED, ({ tenantId, version }) => {
      this.wanted = Math.max(this.wanted, version);
      this.enqueue([tenantId]);
    });
    this.notifications.onReconnect(() => this.enqueue(null));
    this.engine.onHealthChange((change) => void this.publishHealth(change));
    await this.engine.start();
    await this.nodes.register(this.engine.kind);
    this.enqueue(null);
    await this.working;
    this.check = repeat('dataplane', CHECK_MS, () => this.catchUp());
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.check?.stop();
    await this.engine.stop(this.environment.SHUTDOWN_GRACE_SECONDS * 1000);
  }

  status(): DataPlaneStatusResponse {
    const health = this.engine.health();
    return {
      engine: this.engine.kind,
      running: health.running,
      version: Math.max(this.wanted, this.snapshots.current.version),
      applied_version: health.version,
      error: this.error ?? health.lastError,
      http_port: health.ports.http,
      https_port: health.ports.https,
    };
  }

  /** Compiles everything from the database and applies it again. @throws AppError 503, SnapshotRefused */
  async reload(): Promise<{ version: number; hash: string }> {
    await this.working;
    const snapshot = await this.snapshots.compile(null);
    await this.engine.apply(snapshot);
    await this.report(null);
    return { version: snapshot.version, hash: this.snapshots.hash() };
  }

  private enqueue(tenantIds: readonly string[] | null): void {
    if (tenantIds === null) this.pending = null;
    else for (const id of tenantIds) this.pending?.add(id);
    this.work();
  }

  private work(): void {
    if (this.working || this.stopped) return;
    this.working = this.applyPending()
      .catch((e: Error) => this.failed(e))
      .finally(() => {
        this.working = null;
        if (this.hasWork() && this.error === null) this.work();
      });
  }

  private hasWork = (): boolean => this.pending === null || this.pending.size > 0;

  private async applyPending(): Promise<void> {
    while (this.hasWork() && !this.stopped) {
      const tenantIds = this.pending;
      this.pending = new Set();
      try {
        const snapshot = await this.snapshots.compile(tenantIds && [...tenantIds]);
        await this.engine.apply(snapshot);
      } catch (e) {
        if (tenantIds === null) this.pending = null;
        else for (const id of tenantIds) this.pending?.add(id);
        throw e;
      }
      this.retryMs = RETRY_MIN_MS;
      await this.report(null);
    }
  }

  private async failed(error: Error): Promise<void> {
    const reason = error instanceof SnapshotRefused ? error.message : 'the configuration could not be read';
    this.logger.error(`The configuration is not in effect: ${reason}`, error);
    await this.report(reason).catch(() => undefined);
    this.error = reason;
    setTimeout(() => this.work(), this.retryMs).unref();
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
  }

  private async report(error: string | null): Promise<void> {
    this.error = error;
    await this.nodes
      .reportApplied({ version: this.engine.health().version, error })
      .catch((e: Error) => this.logger.warn(`The applied version is not reported yet: ${e.message}`));
  }

  /** Notifications may be lost; the version in the database is the truth. */
  private async catchUp(): Promise<void> {
    const [row] = await this.database.system((tx) => tx.query('SELECT version::int AS version FROM config_state'));
    this.wanted = Math.max(this.wanted, row.version);
    if (row.version > this.snapshots.current.version && !this.working) this.enqueue(null);
  }

  private async publishHealth(change: HealthChange): Promise<void> {
    const event: BackendHealthChanged = { ...change, at: change.at.toISOString(), node: this.nodes.localId };
    await this.notifications
      .broadcast(BACKEND_HEALTH, event)
      .catch((e: Error) => this.logger.warn(`A change of health is not published: ${e.message}`));
  }
}
