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

/** Notification that a node sees a backend in another state than before. */
export const BACKEND_HEALTH = 'backend.health';
export type BackendHealthChanged = Pick<
  HealthChange,
  'tenantId' | 'poolId' | 'backendId' | 'from' | 'to' | 'reason'
>;

/** Carries what the engine counts and sees to telemetry, and its last figures at shutdown. */
@Injectable()
export class TelemetryPump implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('data plane');
  private timer?: NodeJS.Timeout;

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

  private healthChanged({ tenantId, poolId, backendId, from, to, reason }: HealthChange): void {
    this.live.set(this.engine.stats().backends);
    this.logger.log(`backend ${backendId} is ${to}: ${reason}`);
    const change: BackendHealthChanged = { tenantId, poolId, backendId, from, to, reason };
    this.notifications.broadcast(BACKEND_HEALTH, change).catch(() => undefined);
  }
}
