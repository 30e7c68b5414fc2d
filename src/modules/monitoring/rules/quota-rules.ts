import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DAY_MS } from '../../../common/durations.js';
import { Database } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import { currentMonth } from '../../tenants/index.js';
import { AlertsRepository } from '../alerts/alerts.repository.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { type RequestQuota, RequestQuotasReadModel } from './request-quotas.read-model.js';

const EVERY_MS = 60_000;
/** Figures older than this do not change any more. */
const SETTLED_AFTER_MS = 3_600_000;
const PREFIX = 'quota:';

/**
 * Alerts when a tenant has used up its requests of the month, by its plan or its own setting. The leading node counts;
 * what is settled is counted once, in pieces of a day, so that a pass reads little however long the month is.
 */
@Injectable()
export class QuotaRules implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly settled = new Map<string, number>();
  private settledFrom = 0;
  private settledTo = 0;
  private checking?: Periodic;

  constructor(
    private readonly leader: Leader,
    private readonly database: Database,
    private readonly traffic: TrafficReadModel,
    private readonly quotas: RequestQuotasReadModel,
    private readonly alerts: AlertsService,
    private readonly stored: AlertsRepository,
  ) {}

  onApplicationBootstrap(): void {
    this.checking = repeat('quotas', EVERY_MS, async () => {
      if (this.leader.isLeader) await this.check();
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.checking?.stop();
  }

  async check(now = new Date()): Promise<void> {
    const used = await this.requestsOfMonth(now);
    const tenants = await this.database.system((tx) => this.quotas.of(tx, [...used.keys()]));
    const over = tenants.filter(({ id, limit }) => limit !== null && used.get(id)! > limit);
    const fires = new Set(await this.database.system((tx) => this.stored.firingWithPrefix(tx, PREFIX)));
    for (const tenant of over) {
      if (!fires.delete(PREFIX + tenant.id)) await this.fire(tenant, used.get(tenant.id)!);
    }
    for (const fingerprint of fires) await this.alerts.resolve(fingerprint);
  }

  private async fire({ id, name, limit }: RequestQuota, used: number): Promise<void> {
    await this.alerts.fire({
      fingerprint: PREFIX + id,
      severity: 'WARNING',
      component: 'QUOTA',
      message: `Tenant '${name}' has used ${used} requests this month, more than its ${limit}`,
      tenantId: id,
    });
  }

  private async requestsOfMonth(now: Date): Promise<Map<string, number>> {
    const start = currentMonth(now).start.getTime();
    if (this.settledFrom !== start) {
      this.settled.clear();
      this.settledFrom = start;
      this.settledTo = start;
    }
    while (this.settledTo < now.getTime() - SETTLED_AFTER_MS) {
      const to = Math.min(this.settledTo + DAY_MS, now.getTime() - SETTLED_AFTER_MS);
      addTo(this.settled, await this.requests(this.settledTo, to));
      this.settledTo = to;
    }
    const total = new Map(this.settled);
    addTo(total, await this.requests(this.settledTo, now.getTime()));
    return total;
  }

  private requests(from: number, to: number): Promise<Map<string, number>> {
    return this.database.system((tx) => this.traffic.requestsByTenant(tx, new Date(from), new Date(to)));
  }
}

function addTo(sums: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [key, value] of more) sums.set(key, (sums.get(key) ?? 0) + value);
}
