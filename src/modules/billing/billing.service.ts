import { Injectable } from '@nestjs/common';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database } from '../../platform/database/index.js';
import type { Principal } from '../../platform/security/index.js';
import { type Plan, PlansReadModel, requireTenant } from '../tenants/index.js';
import { HistoryResponse, type TenantBillingResponse, UsageResponse } from './billing.dto.js';
import { HistoryRepository } from './history.repository.js';
import { InvoiceResponse } from './invoices.dto.js';
import { InvoicesRepository } from './invoices.repository.js';
import { SubscriptionResponse } from './subscriptions.dto.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';
import { UsageService } from './usage.service.js';

const NEWEST_INVOICES = 12;

/** What a tenant can read of its billing. */
@Injectable()
export class BillingService {
  constructor(
    private readonly database: Database,
    private readonly plans: PlansReadModel,
    private readonly usage: UsageService,
    private readonly history: HistoryRepository,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly invoices: InvoicesRepository,
  ) {}

  plansOnSale(): Promise<Plan[]> {
    return this.database.system((tx) => this.plans.onSale(tx));
  }

  usageOf(tenantId: string): Promise<UsageResponse> {
    return this.database.tenant(tenantId, async (tx) =>
      UsageResponse.from(await this.usage.current(tx, tenantId)),
    );
  }

  historyOf(tenantId: string, request: PageRequest, type?: string): Promise<Page<HistoryResponse>> {
    return this.database.tenant(tenantId, async (tx) =>
      (await this.history.page(tx, tenantId, request, type ?? null)).map((row) => HistoryResponse.from(row)),
    );
  }

  /** @throws AppError 404 for another tenant */
  async overview(principal: Principal, tenantId: string): Promise<TenantBillingResponse> {
    requireTenant(principal, tenantId);
    return this.database.tenant(tenantId, async (tx) => {
      const usage = await this.usage.current(tx, tenantId);
      const subscription = await this.subscriptions.current(tx, tenantId);
      const invoices = await this.invoices.page(tx, tenantId, { page: 1, limit: NEWEST_INVOICES });
      return {
        plan: usage.plan.id,
        subscription: subscription && SubscriptionResponse.from(subscription),
        usage: UsageResponse.from(usage),
        invoices: invoices.items.map((i) => InvoiceResponse.from(i)),
      };
    });
  }
}
