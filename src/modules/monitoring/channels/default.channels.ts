import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import { currentMonth } from '../../tenants/index.js';

/**
 * The channels `billing` and `ai` of an installation that has neither module: use without a price, and no models. The
 * modules that own the data define the channels themselves (`Channels.define`), which takes the place of these.
 */
@Injectable()
export class DefaultChannels implements OnModuleInit {
  constructor(
    private readonly channels: Channels,
    private readonly database: Database,
    private readonly traffic: TrafficReadModel,
  ) {}

  onModuleInit(): void {
    this.channels.defineDefault({
      name: 'billing',
      summary: 'Use and cost of the current month',
      access: 'billing.read',
      scope: 'tenant',
      state: (view) => this.usage(view),
    });
    this.channels.defineDefault({
      name: 'ai',
      summary: 'State of the models',
      access: 'ai.read',
      scope: 'tenant',
      state: async () => ({ status: 'not_configured' }),
    });
  }

  private async usage(view: string | null) {
    const { start, end } = currentMonth();
    const work = (tx: Transaction) => this.traffic.totals(tx, view, start, end);
    const totals = await (view === null ? this.database.system(work) : this.database.tenant(view, work));
    return {
      usage: totals.requests,
      cost: 0,
      bandwidth_gb: (totals.bytes_in + totals.bytes_out) / 1e9,
      period_start: start.toISOString(),
      period_end: end.toISOString(),
    };
  }
}
