import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { NodesService } from '../../cluster/index.js';
import { SettingsService } from '../../settings/index.js';
import { type HostSample, HostSampler } from './host-sampler.js';
import {
  type Resolution,
  SystemMetricsRepository,
  type SystemMetricsRow,
} from './system-metrics.repository.js';

const ROLL_UP_MS = 60_000;

/** Samples this machine every `update_interval` seconds, keeps the history and hands each sample to who follows. */
@Injectable()
export class HostMetricsService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('metrics');
  private readonly listeners: ((sample: HostSample) => Promise<void>)[] = [];
  private last: HostSample | null = null;
  private sampling?: Periodic;
  private rollingUp?: Periodic;

  constructor(
    private readonly sampler: HostSampler,
    private readonly metrics: SystemMetricsRepository,
    private readonly database: Database,
    private readonly settings: SettingsService,
    private readonly nodes: NodesService,
    private readonly leader: Leader,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const pause = () => this.settings.current.update_interval * 1000;
    this.sampling = repeat('metrics', pause, () => this.run());
    this.rollingUp = repeat('metrics history', ROLL_UP_MS, () => this.rollUp());
    void this.sampling.runNow();
  }

  async onModuleDestroy(): Promise<void> {
    await this.sampling?.stop();
    await this.rollingUp?.stop();
  }

  /** The newest sample; null before the first. */
  get latest(): HostSample | null {
    return this.last;
  }

  /** The newest sample, or one taken now when there is none yet. */
  async current(): Promise<HostSample> {
    return this.last ?? this.sampler.sample();
  }

  /** Calls `listener` with each sample, when it is stored. */
  onSample(listener: (sample: HostSample) => Promise<void>): void {
    this.listeners.push(listener);
  }

  /** Oldest first. @param node name of a node; this one when left out */
  history(limit: number, resolution: Resolution, node = this.nodes.name): Promise<SystemMetricsRow[]> {
    return this.database.system((tx) => this.metrics.history(tx, node, limit, resolution));
  }

  private async run(): Promise<void> {
    if (!this.settings.current.monitoring_enabled) return;
    const sample = await this.sampler.sample();
    this.last = sample;
    await this.database.system((tx) => this.metrics.add(tx, this.nodes.name, sample));
    for (const listener of this.listeners)
      await listener(sample).catch((e: Error) => this.logger.warn(`a rule failed: ${e.message}`));
  }

  private async rollUp(): Promise<void> {
    if (!this.leader.isLeader) return;
    await this.leader.lead(async (tx) => {
      await this.metrics.rollUp(tx);
      await this.metrics.deleteExpired(tx);
    });
  }
}
