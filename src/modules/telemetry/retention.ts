import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { RETENTION, TelemetryRepository } from './telemetry.repository.js';

const EVERY_MS = 600_000;
/** Small enough to end well within the time limit of a query. */
const ROWS_A_DELETE = 5000;

/** The leading node deletes old telemetry: minutes after 90 days, paths after 30, the access log after 7. */
@Injectable()
export class Retention implements OnApplicationBootstrap, OnModuleDestroy {
  private periodic?: Periodic;

  constructor(
    private readonly leader: Leader,
    private readonly repository: TelemetryRepository,
  ) {}

  onApplicationBootstrap(): void {
    this.periodic = repeat('retention', EVERY_MS, () => this.run());
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic?.stop();
  }

  async run(): Promise<void> {
    for (const rule of RETENTION) {
      let deleted = ROWS_A_DELETE;
      while (deleted === ROWS_A_DELETE && this.leader.isLeader)
        deleted = await this.leader.lead((tx) => this.repository.deleteExpired(tx, rule, ROWS_A_DELETE));
    }
  }
}
