import type { ProviderName, SubscriptionChange, SubscriptionOrder } from './billing.types.js';
import type { Subscription } from './subscription.entity.js';

/**
 * Who keeps subscriptions and takes payments: this program itself, or Stripe. Each method ends with the subscription
 * as it is stored; callers have checked who asks.
 */
export abstract class PaymentProvider {
  abstract readonly name: ProviderName;

  /** @throws AppError 409 SUBSCRIPTION_EXISTS, TRIAL_USED */
  abstract start(order: SubscriptionOrder): Promise<Subscription>;

  /** @throws AppError 404; 409 SUBSCRIPTION_ENDED, PAYMENT_OUTSTANDING, NOT_AN_UPGRADE, PLAN_LIMIT_EXCEEDED */
  abstract change(tenantId: string, id: string, change: SubscriptionChange): Promise<Subscription>;

  /** Address of a page on which the tenant manages cards and invoices. @throws AppError 409 PORTAL_NOT_AVAILABLE */
  abstract portal(tenantId: string, returnUrl: string): Promise<string>;
}
