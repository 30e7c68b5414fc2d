import { Injectable } from '@nestjs/common';
import { invalidField } from '../../common/errors.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database } from '../../platform/database/index.js';
import type { Principal } from '../../platform/security/index.js';
import type { PlanId } from '../tenants/index.js';
import type { BillingCycle, SubscriptionStatus } from './billing.types.js';
import { PaymentProvider } from './payment-provider.js';
import type { Subscription } from './subscription.entity.js';
import type {
  CreateSubscriptionRequest,
  UpdateSubscriptionRequest,
  UpgradeRequest,
} from './subscriptions.dto.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

const DEFAULT_CYCLE: BillingCycle = 'monthly';

/** `plan` and `plan_id` are the same field; both may be sent when they agree. */
function planOf(request: { plan?: PlanId; plan_id?: PlanId }): PlanId | undefined {
  const { plan, plan_id } = request;
  if (plan !== undefined && plan_id !== undefined && plan !== plan_id)
    throw invalidField('plan_id', 'agrees', 'plan and plan_id name different plans');
  return plan ?? plan_id;
}

/** A tenant's subscription: begun, changed, cancelled and taken up again, through the payment provider. */
@Injectable()
export class SubscriptionsService {
  constructor(
    private readonly database: Database,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly provider: PaymentProvider,
  ) {}

  list(tenantId: string, request: PageRequest, status?: SubscriptionStatus): Promise<Page<Subscription>> {
    return this.database.tenant(tenantId, (tx) => this.subscriptions.page(tx, tenantId, request, status));
  }

  get(tenantId: string, id: string): Promise<Subscription> {
    return this.database.tenant(tenantId, (tx) => this.subscriptions.get(tx, tenantId, id));
  }

  /** @throws AppError 409 SUBSCRIPTION_EXISTS, TRIAL_USED; 422 */
  create(user: Principal, request: CreateSubscriptionRequest): Promise<Subscription> {
    return this.provider.start({
      tenantId: user.tenantId,
      email: user.email,
      plan: planOf(request)!,
      cycle: request.billing_cycle ?? DEFAULT_CYCLE,
      paymentMethod: request.payment_method ?? 'manual',
      trial: request.trial ?? false,
    });
  }

  /** @throws AppError 404; 409 SUBSCRIPTION_ENDED, PAYMENT_OUTSTANDING, PLAN_LIMIT_EXCEEDED */
  update(tenantId: string, id: string, request: UpdateSubscriptionRequest): Promise<Subscription> {
    return this.provider.change(tenantId, id, {
      plan: planOf(request),
      cycle: request.billing_cycle,
      paymentMethod: request.payment_method,
      cancelAtPeriodEnd: request.cancel_at_period_end,
    });
  }

  /** Ends with the period that is paid for. */
  cancel(tenantId: string, id: string): Promise<Subscription> {
    return this.provider.change(tenantId, id, { cancelAtPeriodEnd: true });
  }

  /** A higher plan at once; a first subscription for a tenant without one. @throws AppError 409 NOT_AN_UPGRADE */
  async upgrade(user: Principal, request: UpgradeRequest): Promise<Subscription> {
    const { tenantId } = user;
    const plan = planOf(request)!;
    const current = await this.database.tenant(tenantId, (tx) => this.subscriptions.current(tx, tenantId));
    if (!current) return this.create(user, { plan, billing_cycle: request.billing_cycle });
    return this.provider.change(tenantId, current.id, {
      plan,
      cycle: request.billing_cycle,
      onlyUpgrade: true,
    });
  }

  portal(tenantId: string, returnUrl: string): Promise<string> {
    return this.provider.portal(tenantId, returnUrl);
  }
}
