import { Injectable, type OnModuleInit } from '@nestjs/common';
import { toDecimal } from '../../common/money.js';
import { Database } from '../../platform/database/index.js';
import { Channels } from '../../platform/realtime/index.js';
import { currentMonth } from '../tenants/index.js';
import type { LiveUsage } from './billing-frame.dto.js';
import { BILLING_CHANNEL } from './billing-record.js';
import { UsageRepository } from './usage.repository.js';
import { UsageService } from './usage.service.js';

/** As often as the ledger of usage is brought up to date. */
const INTERVAL_MS = 5000;

/** Usage and its cost, live. */
@Injectable()
export class BillingChannel implements OnModuleInit {
  constructor(
    private readonly channels: Channels,
    private readonly database: Database,
    private readonly usage: UsageService,
    private readonly ledger: UsageRepository,
  ) {}

  onModuleInit(): void {
    this.channels.define({
      name: BILLING_CHANNEL,
      summary:
        'Requests of the billing period and what they cost so far; for superadmins requests of all tenants',
      access: 'billing.read',
      scope: 'tenant',
      intervalMs: INTERVAL_MS,
      state: (view) => (view === null ? this.ofAll() : this.ofTenant(view)),
    });
  }

  private ofTenant(tenantId: string): Promise<LiveUsage> {
    return this.database.tenant(tenantId, async (tx) => {
      const { plan, period, requests, cost } = await this.usage.current(tx, tenantId);
      return {
        plan: plan.id,
        period_start: period.start.toISOString(),
        period_end: period.end.toISOString(),
        usage: requests,
        cost: toDecimal({ amount: cost, currency: plan.currency }),
        currency: plan.currency,
      };
    });
  }

  private async ofAll(): Promise<LiveUsage> {
    const period = currentMonth();
    const usage = await this.database.system((tx) => this.ledger.requestsOfAll(tx, period));
    return {
      plan: null,
      period_start: period.start.toISOString(),
      period_end: period.end.toISOString(),
      usage,
      cost: null,
      currency: null,
    };
  }
}
