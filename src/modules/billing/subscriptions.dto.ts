import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, ValidateIf } from 'class-validator';
import { toDecimal } from '../../common/money.js';
import { IsLine, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import { PLANS, type PlanId } from '../tenants/index.js';
import {
  BILLING_CYCLES,
  type BillingCycle,
  type ProviderName,
  SUBSCRIPTION_STATUSES,
  type SubscriptionStatus,
} from './billing.types.js';
import type { Subscription } from './subscription.entity.js';

const PAID_PLANS = PLANS.filter((plan) => plan !== 'free');

class PaidPlanChoice {
  /**
   * The plan; or send `plan_id`. For an upgrade one above the present plan.
   * @example professional
   */
  @ValidateIf((o: PaidPlanChoice) => o.plan !== undefined || o.plan_id === undefined)
  @IsIn(PAID_PLANS)
  plan?: PlanId;

  /**
   * The same as `plan`.
   * @example professional
   */
  @MayBeAbsent()
  @IsIn(PAID_PLANS)
  plan_id?: PlanId;

  /** @example monthly */
  @MayBeAbsent()
  @IsIn(BILLING_CYCLES)
  billing_cycle?: BillingCycle;
}

export class CreateSubscriptionRequest extends PaidPlanChoice {
  /**
   * `manual`: invoices are paid by bank transfer. With Stripe: the id of a payment method, or `stripe` for a checkout
   * page whose address the answer has.
   * @example card_123
   */
  @MayBeAbsent()
  @IsLine(255)
  payment_method?: string;

  /**
   * Begin with the plan's trial, once a tenant.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  trial?: boolean;
}

/** Any part of a subscription's terms; what is not sent stays. */
export class UpdateSubscriptionRequest {
  /**
   * A higher plan is in effect at once and prorated; a lower one when the period ends. Or send `plan_id`.
   * @example enterprise
   */
  @MayBeAbsent()
  @IsIn(PLANS)
  plan?: PlanId;

  /**
   * The same as `plan`.
   * @example enterprise
   */
  @MayBeAbsent()
  @IsIn(PLANS)
  plan_id?: PlanId;

  /** @example yearly */
  @MayBeAbsent()
  @IsIn(BILLING_CYCLES)
  billing_cycle?: BillingCycle;

  /** @example manual */
  @MayBeAbsent()
  @IsLine(255)
  payment_method?: string;

  /**
   * False takes a cancellation back while the period runs.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  cancel_at_period_end?: boolean;
}

export class UpgradeRequest extends PaidPlanChoice {}

export class SubscriptionListQuery extends PageQuery {
  @ApiPropertyOptional({ enum: SUBSCRIPTION_STATUSES, example: 'active' })
  @MayBeAbsent()
  @IsIn(SUBSCRIPTION_STATUSES)
  status?: SubscriptionStatus;
}

export class PendingChangeResponse {
  /** @example basic */
  plan: PlanId;
  /** @example monthly */
  billing_cycle: BillingCycle;
  /** @example 2026-07-01T00:00:00.000Z */
  effective_at: string;
}

export class SubscriptionResponse {
  /** @example sub_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** @example enterprise */
  plan: PlanId;
  /**
   * The version of the plan that was bought.
   * @example 1
   */
  plan_version: number;
  /** @example active */
  status: SubscriptionStatus;
  /** @example monthly */
  billing_cycle: BillingCycle;
  /** @example 2026-06-01T00:00:00.000Z */
  current_period_start: string;
  /** @example 2026-07-01T00:00:00.000Z */
  current_period_end: string;
  /** @example false */
  cancel_at_period_end: boolean;
  /**
   * What a period costs, in units of the currency.
   * @example 99.99
   */
  amount: number;
  /** @example USD */
  currency: string;
  /** @example manual */
  payment_method: string | null;
  /** @example builtin */
  provider: ProviderName;
  /** Stripe's id; null for the built-in billing. */
  external_id: string | null;
  /** The change that waits for the end of the period; null when none does. */
  pending_change: PendingChangeResponse | null;
  /** @example 2026-06-15T00:00:00.000Z */
  trial_end: string | null;
  /** Since when a payment is missing. */
  past_due_since: string | null;
  /** When it was cancelled. */
  canceled_at: string | null;
  /** When it ended. */
  ended_at: string | null;
  /** Where the payment is completed, while the status is `incomplete`. */
  checkout_url: string | null;
  /** @example 2026-06-01T00:00:00.000Z */
  created_at: string;

  static from(s: Subscription): SubscriptionResponse {
    return {
      id: s.id,
      tenant_id: s.tenant_id,
      plan: s.plan,
      plan_version: s.plan_version,
      status: s.status,
      billing_cycle: s.billing_cycle,
      current_period_start: s.current_period_start.toISOString(),
      current_period_end: s.current_period_end.toISOString(),
      cancel_at_period_end: s.cancel_at_period_end,
      amount: toDecimal(s),
      currency: s.currency,
      payment_method: s.payment_method,
      provider: s.provider,
      external_id: s.external_id,
      pending_change: s.pending_plan && {
        plan: s.pending_plan,
        billing_cycle: s.pending_cycle ?? s.billing_cycle,
        effective_at: s.current_period_end.toISOString(),
      },
      trial_end: s.trial_end?.toISOString() ?? null,
      past_due_since: s.past_due_since?.toISOString() ?? null,
      canceled_at: s.canceled_at?.toISOString() ?? null,
      ended_at: s.ended_at?.toISOString() ?? null,
      checkout_url: s.status === 'incomplete' ? s.checkout_url : null,
      created_at: s.created_at.toISOString(),
    };
  }
}
