import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { durationMs } from '../../../common/durations.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { MIN_SAMPLES } from '../core/index.js';
import { TrainingRepository } from '../training/training.repository.js';
import { TrainingService } from '../training/training.service.js';
import { ForecastsService } from './forecasts.service.js';
import { SettledForecastsRepository } from './settled.repository.js';

const EVERY_MS = 30_000;
const ACTIVE_MS = 2 * 86_400_000;
/** Telemetry is flushed every two seconds; a step is complete for certain after this. */
const COMPLETE_AFTER_MS = 15_000;

/**
 * The leader's routine: forecasts each active tenant's next step, enters the actual value once the step is over, and
 * starts a training when the last one is older than the tenant's interval.
 */
@Injectable()
export class ForecastKeeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('forecasts');
  private routine?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly leader: Leader,
    private readonly config: AiConfigService,
    private readonly forecasts: ForecastsService,
    private readonly settled: SettledForecastsRepository,
    private readonly traffic: TrafficReadModel,
    private readonly training: TrainingService,
    private readonly runs: TrainingRepository,
  ) {}

  onApplicationBootstrap(): void {
    this.routine = repeat('forecasts', EVERY_MS, () => this.run());
  }

  async onApplicationShutdown(): Promise<void> {
    await this.routine?.stop();
  }

  /** Looks at every tenant with traffic, once; what fails for one holds no other up. */
  async run(): Promise<void> {
    if (!this.leader.isLeader) return;
    await this.leader.lead(async (tx) => {
      await this.settle(tx);
      await this.settled.prune(tx);
    });
    const tenants = await this.database.system((tx) =>
      this.runs.tenantsWithTraffic(tx, new Date(Date.now() - ACTIVE_MS)),
    );
    for (const tenantId of tenants) {
      if (!this.leader.isLeader) return;
      await this.database
        .tenant(tenantId, (tx) => this.look(tx, tenantId))
        .catch((e: Error) => this.logger.warn(`${tenantId}: ${e.message}`));
    }
  }

  private async look(tx: Transaction, tenantId: string): Promise<void> {
    const config = await this.config.getIn(tx, tenantId);
    if (!config.enabled) return;
    const { points, version, last, steps } = await this.forecasts.predictIn(tx, tenantId, config, {
      horizon: 1,
      confidence: config.forecast.interval,
    });
    const [next] = points;
    if (
      next &&
      version !== null &&
      Date.parse(next.timestamp) > Date.now() - durationMs(config.forecast.step)
    ) {
      const { value, lower, upper } = next;
      await this.settled.add(tx, tenantId, {
        pool_id: '',
        target: new Date(next.timestamp),
        version,
        value,
        lower,
        upper,
        naive: last,
      });
    }
    if (steps >= MIN_SAMPLES) await this.training.trainIfDue(tx, tenantId, null, config);
  }

  private async settle(tx: Transaction): Promise<void> {
    for (const { tenant_id, pool_id, target } of await this.settled.open(
      tx,
      new Date(Date.now() - COMPLETE_AFTER_MS),
    )) {
      const { forecast } = await this.config.getIn(tx, tenant_id);
      const stepMs = durationMs(forecast.step);
      const end = target.getTime() + stepMs;
      if (end > Date.now() - COMPLETE_AFTER_MS) continue;
      const totals = await this.traffic.totalsOf(
        tx,
        { tenantId: tenant_id, ...(pool_id && { poolId: pool_id }) },
        target,
        new Date(end),
      );
      await this.settled.settle(tx, tenant_id, pool_id, target, totals.requests / (stepMs / 60_000));
    }
  }
}
