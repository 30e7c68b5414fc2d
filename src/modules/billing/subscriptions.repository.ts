import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';
import { subscriptionNotFound } from './billing.errors.js';
import { isLive, LIVE_STATUSES, type SubscriptionStatus } from './billing.types.js';
import { Subscription } from './subscription.entity.js';

export type NewSubscription = Pick<
  Subscription,
  | 'tenant_id'
  | 'provider'
  | 'plan'
  | 'plan_version'
  | 'status'
  | 'provider_status'
  | 'billing_cycle'
  | 'currency'
  | 'amount'
  | 'anchor'
  | 'current_period_start'
  | 'current_period_end'
  | 'usage_period_start'
  | 'usage_period_end'
> &
  Partial<Subscription>;

const EMPTY = {
  external_id: null,
  payment_method: null,
  cancel_at_period_end: false,
  pending_plan: null,
  pending_plan_version: null,
  pending_cycle: null,
  trial_end: null,
  past_due_since: null,
  canceled_at: null,
  ended_at: null,
  checkout_id: null,
  checkout_url: null,
  schedule_id: null,
  event_at: null,
  event_rank: 0,
};

@Injectable()
export class SubscriptionsRepository {
  insert(tx: Transaction, subscription: NewSubscription): Promise<Subscription> {
    const repository = tx.getRepository(Subscription);
    return repository.save(repository.create({ id: newId('sub'), ...EMPTY, ...subscription }));
  }

  save(tx: Transaction, subscription: Subscription): Promise<Subscription> {
    return tx.getRepository(Subscription).save(subscription);
  }

  async get(tx: Transaction, tenantId: string, id: string): Promise<Subscription> {
    const found = await tx.getRepository(Subscription).findOneBy({ tenant_id: tenantId, id });
    if (!found) throw subscriptionNotFound(id);
    return found;
  }

  /** As `get`, locked until the transaction ends. */
  async lock(tx: Transaction, tenantId: string, id: string): Promise<Subscription> {
    const found = await tx
      .getRepository(Subscription)
      .findOne({ where: { tenant_id: tenantId, id }, lock: { mode: 'pessimistic_write' } });
    if (!found) throw subscriptionNotFound(id);
    return found;
  }

  byExternalId(tx: Transaction, externalId: string): Promise<Subscription | null> {
    return tx.getRepository(Subscription).findOneBy({ external_id: externalId });
  }

  byId(tx: Transaction, id: string): Promise<Subscription | null> {
    return tx.getRepository(Subscription).findOneBy({ id });
  }

  byCheckout(tx: Transaction, checkoutId: string): Promise<Subscription | null> {
    return tx.getRepository(Subscription).findOneBy({ checkout_id: checkoutId });
  }

  /** The live ones of a tenant, newest first. */
  live(tx: Transaction, tenantId: string): Promise<Subscription[]> {
    return tx.getRepository(Subscription).find({
      where: { tenant_id: tenantId, status: In([...LIVE_STATUSES]) },
      order: { created_at: 'DESC', id: 'DESC' },
    });
  }

  /** The one that a tenant pays for, or else the newest that is not finished. */
  async current(tx: Transaction, tenantId: string): Promise<Subscription | null> {
    const found = await tx.getRepository(Subscription).find({
      where: { tenant_id: tenantId },
      order: { created_at: 'DESC', id: 'DESC' },
      take: 20,
    });
    return found.find((s) => isLive(s.status)) ?? null;
  }

  /** Those whose checkout was never finished. */
  incomplete(tx: Transaction, tenantId: string): Promise<Subscription[]> {
    return tx.getRepository(Subscription).findBy({ tenant_id: tenantId, status: 'incomplete' });
  }

  /** Live ones first, then the newest. */
  async page(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    status?: SubscriptionStatus,
  ): Promise<Page<Subscription>> {
    const [items, total] = await tx
      .getRepository(Subscription)
      .createQueryBuilder('s')
      .where('s.tenant_id = :tenantId', { tenantId })
      .andWhere('(:status::text IS NULL OR s.status = :status)', { status: status ?? null })
      .addSelect(`CASE WHEN s.status IN (:...live) THEN 0 ELSE 1 END`, 'standing')
      .setParameter('live', [...LIVE_STATUSES])
      .orderBy('standing')
      .addOrderBy('s.created_at', 'DESC')
      .addOrderBy('s.id', 'DESC')
      .offset(offsetOf(request))
      .limit(request.limit)
      .getManyAndCount();
    return new Page(items, total, request.page, request.limit);
  }

  /** Built-in ones whose usage period or trial ended before `before`, oldest first. */
  async due(tx: Transaction, before: Date, limit: number): Promise<{ id: string; tenant_id: string }[]> {
    return tx.query(
      `SELECT id, tenant_id FROM subscriptions
       WHERE provider = 'builtin' AND status IN ('trialing', 'active', 'past_due', 'unpaid') AND usage_period_end <= $1
       ORDER BY usage_period_end LIMIT $2`,
      [before, limit],
    );
  }

  /** Past due for longer than the grace period that began before `before`. */
  async pastGrace(tx: Transaction, before: Date): Promise<{ id: string; tenant_id: string }[]> {
    return tx.query(
      `SELECT s.id, s.tenant_id FROM subscriptions s JOIN tenants t ON t.id = s.tenant_id
       WHERE s.status = 'past_due' AND s.past_due_since <= $1 AND (s.provider = 'builtin' OR t.plan <> 'free')
       ORDER BY s.past_due_since LIMIT 100`,
      [before],
    );
  }

  /** Every one that Stripe has and that has not ended here, for the comparison with Stripe. */
  ofStripe(tx: Transaction): Promise<Subscription[]> {
    return tx
      .getRepository(Subscription)
      .createQueryBuilder('s')
      .where(`s.provider = 'stripe' AND s.external_id IS NOT NULL`)
      .getMany();
  }
}
