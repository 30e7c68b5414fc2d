import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { HistoryRepository } from './history.repository.js';
import type { Subscription } from './subscription.entity.js';

/** Writes a step in the life of a subscription down twice: for the tenant's history and for the audit log. */
@Injectable()
export class BillingRecord {
  constructor(
    private readonly history: HistoryRepository,
    private readonly journal: Journal,
  ) {}

  /** @param step past tense, as in `subscription.upgraded` */
  async subscription(
    tx: Transaction,
    subscription: Subscription,
    step: string,
    description: string,
  ): Promise<void> {
    const type = `subscription.${step}`;
    await this.history.add(tx, {
      tenantId: subscription.tenant_id,
      key: `${subscription.id}:${step}:${subscription.version}`,
      type,
      description,
      subscriptionId: subscription.id,
    });
    await this.journal.record(tx, {
      tenantId: subscription.tenant_id,
      action: type,
      message: description,
      object: { type: 'subscription', id: subscription.id, name: subscription.plan },
      details: { plan: subscription.plan, status: subscription.status, provider: subscription.provider },
    });
  }
}
