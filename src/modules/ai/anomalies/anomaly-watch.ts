import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { MINUTE_MS } from '../../../common/durations.js';
import { Database } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { AnomaliesRepository } from './anomalies.repository.js';
import { AnomalyRecorder } from './anomaly-recorder.js';
import { NodeSeries } from './node-series.js';
import { PoolSeries } from './pool-series.js';

const EVERY_MS = 10_000;
const SWEEP_MS = 3_600_000;
/** Telemetry is flushed every two seconds; a minute is complete for certain after this. */
const COMPLETE_AFTER_MS = 10_000;
const ACTIVE_MS = 2 * 86_400_000;

/**
 * The leader's routine: shows every minute that is over to the detector of each series. A pass of a tenant is one
 * transaction that carries the leader's epoch and also moves the detectors' states on, so that a minute is judged
 * once, whatever node leads and however often it starts.
 */
@Injectable()
export class AnomalyWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('anomalies');
  private readonly routines: Periodic[] = [];
  private lookedUpTo = 0;

  constructor(
    private readonly database: Database,
    private readonly leader: Leader,
    private readonly config: AiConfigService,
    private readonly anomalies: AnomaliesRepository,
    private readonly recorder: AnomalyRecorder,
    private readonly pools: PoolSeries,
    private readonly nodes: NodeSeries,
    private readonly traffic: TrafficReadModel,
  ) {}

  onApplicationBootstrap(): void {
    this.routines.push(
      repeat('anomalies', EVERY_MS, () => this.run()),
      repeat('anomalies retention', SWEEP_MS, () => this.sweep()),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.routines.map((routine) => routine.stop()));
  }

  /** Looks at a tenant's pools up to before the minute that starts at `end`, epoch ms. */
  async lookAtTenant(tenantId: string, end: number): Promise<void> {
    await this.leader.lead(async (tx) => {
      const config = await this.config.getIn(tx, tenantId);
      const known = await this.anomalies.states(tx, tenantId);
      if (!config.enabled || !config.anomalies.enabled)
        return this.recorder.forget(tx, tenantId, [...known.keys()]);
      const inputs = await this.pools.load(tx, tenantId, known, end);
      await this.recorder.record(tx, { tenantId, alerts: config.anomalies.alerts }, known, inputs);
    });
  }

  /** Looks at the machines up to before the minute that starts at `end`, epoch ms. */
  async lookAtNodes(end: number): Promise<void> {
    const before = await this.database.system((tx) => this.anomalies.states(tx, null));
    const inputs = await this.nodes.load(before, end);
    await this.leader.lead(async (tx) => {
      await this.recorder.record(tx, { tenantId: null, alerts: true }, before, inputs);
    });
  }

  /** Deletes old findings, and series that no minute came for. */
  async sweep(): Promise<void> {
    if (!this.leader.isLeader) return;
    await this.leader.lead(async (tx) => {
      await this.anomalies.prune(tx);
      for (const { tenant_id, series } of await this.anomalies.forgotten(tx))
        await this.recorder.forget(tx, tenant_id || null, [series]);
    });
  }

  private async run(): Promise<void> {
    const end = Math.floor((Date.now() - COMPLETE_AFTER_MS) / MINUTE_MS) * MINUTE_MS;
    if (!this.leader.isLeader || end === this.lookedUpTo) return;
    const tenants = await this.database.system((tx) =>
      this.traffic.requestsByTenant(tx, new Date(end - ACTIVE_MS), new Date(end)),
    );
    await this.attempt('system', () => this.lookAtNodes(end));
    for (const tenantId of tenants.keys()) {
      if (!this.leader.isLeader) return;
      await this.attempt(tenantId, () => this.lookAtTenant(tenantId, end));
    }
    this.lookedUpTo = end;
  }

  /** One tenant's trouble is not the others'. */
  private async attempt(whose: string, work: () => Promise<void>): Promise<void> {
    await work().catch((e: Error) => this.logger.warn(`${whose}: ${e.message}`));
  }
}
