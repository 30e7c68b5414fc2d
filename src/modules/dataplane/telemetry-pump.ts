import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { Notifications } from '../../platform/database/index.js';
import { LiveBackends, TrafficRecorder } from '../telemetry/index.js';
import type { DataPlaneEngine, HealthChange } from './engine.js';
import { ENGINE } from './engine.provider.js';

const PUMP_EVERY_MS = 500;
/** When a network goes thousands of backends change at once: what comes within this time is told together. */
const HEALTH_COALESCE_MS = 50;
/** As many ids as surely fit one notification. */
const TENANTS_A_NOTIFICATION = 100;

/** Notification that a node sees backends of these tenants in another state than before. */
export const BACKEND_HEALTH = 'backend.health';
export interface BackendHealthChanged {
  tenantIds: string[];
}

/** Carries what the engine counts and sees to telemetry, and its last figures at shutdown. */
@Injectable()
export class TelemetryPump implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('data plane');
  private timer?: NodeJS.Timeout;
  /** Tenants with backends whose health changed and was not told yet. */
  private readonly changed = new Set<string>();

  constructor(
    @Inject(ENGINE) private readonly engine: DataPlaneEngine,
    private readonly recorder: TrafficRecorder,
    private readonly live: LiveBackends,
    private readonly notifications: Notifications,
    private readonly environment: Environment,
  ) {}

  onApplicationBootstrap(): void {
    this.engine.onHealthChange((change) => this.healthChanged(change));
    this.timer = setInterval(() => this.pump(), PUMP_EVERY_MS);
    this.timer.unref();
  }

  /** Requests in flight end first, so that the last figures are in; the database closes after this. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.engine.stop(this.environment.SHUTDOWN_GRACE_SECONDS * 1000);
    clearInterval(this.timer);
    this.pump();
    await this.recorder.close();
  }

  private pump(): void {
    this.recorder.record(this.engine.drainTelemetry());
    this.live.set(this.engine.stats().backends);
  }

  private healthChanged({ tenantId, backendId, to, reason }: HealthChange): void {
    this.logger.log(`backend ${backendId} is ${to}: ${reason}`);
    if (this.changed.size === 0) setTimeout(() => this.tellHealth(), HEALTH_COALESCE_MS).unref();
    this.changed.add(tenantId);
  }

  private tellHealth(): void {
    this.live.set(this.engine.stats().backends);
    const tenantIds = [...this.changed];
    this.changed.clear();
    for (let i = 0; i < tenantIds.length; i += TENANTS_A_NOTIFICATION) {
      const told: BackendHealthChanged = { tenantIds: tenantIds.slice(i, i + TENANTS_A_NOTIFICATION) };
      this.notifications.broadcast(BACKEND_HEALTH, told).catch(() => undefined);
    }
  }
}
