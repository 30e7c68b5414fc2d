import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { WorkerAlerts } from './worker-alerts.js';
import { WorkersRepository } from './workers.repository.js';

const EVERY_MS = 1000;

/**
 * The leading node looks for workers that fell silent and for ones that are back. Silence counts only while this node
 * has looked on without a gap: after a start, or when the database was away, agents get the time to come back.
 */
@Injectable()
export class WorkerWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private periodic?: Periodic;
  /** Monotonic, ms; null while this node does not watch. */
  private watchingSince: number | null = null;

  constructor(
    private readonly leader: Leader,
    private readonly workers: WorkersRepository,
    private readonly alerts: WorkerAlerts,
  ) {}

  onApplicationBootstrap(): void {
    this.periodic = repeat('workers', EVERY_MS, () => this.look());
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic?.stop();
  }

  private async look(): Promise<void> {
    const since = this.watchingSince ?? performance.now();
    this.watchingSince = null;
    if (!this.leader.isLeader) return;
    await this.leader.lead(async (tx) => {
      const watchedSeconds = (performance.now() - since) / 1000;
      for (const worker of await this.workers.markOffline(tx, watchedSeconds))
        await this.alerts.offline(tx, worker);
      for (const worker of await this.workers.markBack(tx)) await this.alerts.resolve(tx, worker.id);
    });
    this.watchingSince = since;
  }
}
