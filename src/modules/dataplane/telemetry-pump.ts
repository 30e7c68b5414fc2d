import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { LiveBackends, TrafficMetrics, TrafficRecorder } from '../telemetry/index.js';
import { ENGINE } from './dataplane.service.js';
import type { DataPlaneEngine } from './engine.js';
import { SnapshotService } from './snapshot.service.js';

const PUMP_MS = 500;

/** Carries what the engine counted and what it knows of its backends to telemetry, twice a second. */
@Injectable()
export class TelemetryPump implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  private timer?: NodeJS.Timeout;

  constructor(
    @Inject(ENGINE) private readonly engine: DataPlaneEngine,
    private readonly live: LiveBackends,
    private readonly recorder: TrafficRecorder,
    private readonly metrics: TrafficMetrics,
    private readonly snapshots: SnapshotService,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.pump(), PUMP_MS);
    this.timer.unref();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** The engine has stopped by now: these are its last figures. The database closes after this. */
  async onApplicationShutdown(): Promise<void> {
    this.pump();
    await this.recorder.close();
  }

  private pump(): void {
    const batch = this.engine.drainTelemetry();
    this.recorder.record(batch);
    this.metrics.record(batch);
    this.live.set(this.engine.stats().backends);
  }
}
