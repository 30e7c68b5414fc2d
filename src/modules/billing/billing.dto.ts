import { IsLine, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import type { Plan, PlanId } from '../tenants/index.js';
import type { HistoryRow } from './history.repository.js';
import { InvoiceResponse } from './invoices.dto.js';
import type { RatedMeter } from './rating.js';
import { SubscriptionResponse } from './subscriptions.dto.js';
import { type CurrentUsage } from './usage.service.js';

export class PlanLimitsResponse {
  /**
   * Null: no limit.
   * @example 25
   */
  max_pools: number | null;
  /** @example 100 */
  max_backends: number | null;
  /** @example 50 */
  max_routes: number | null;
  /** @example 25 */
  max_users: number | null;
  /**
   * Requests a month without an alert; more are carried, and billed where the plan has a price for them.
   * @example 250000
   */
  requests_per_month: number | null;
  /** @example 100 */
  ai_jobs_per_month: number | null;
  /** @example false */
  sso: boolean;
  /** @example 7 */
  backups_kept: number;
}

export class PlanIncludedResponse {
  /** @example 250000 */
  requests: number;
  /**
   * Traffic both ways, in 10^9 bytes.
   * @example 100
   */
  bandwidth_gb: number;
}

export class PlanOverageResponse {
  /**
   * Minor units for a million requests over the included ones; null: not billed.
   * @example 1000
   */
  per_million_requests: number | null;
  /**
   * Minor units for a GB over the included ones; null: not billed.
   * @example 9
   */
  per_gb: number | null;
}

export class PlanResponse {
  /** @example basic */
  id: PlanId;
  /** @example 1 */
  version: number;
  /** @example Basic */
  name: string;
  /**
   * Minor units (cents).
   * @example 999
   */
  price_monthly: number;
  /**
   * Minor units (cents).
   * @example 9990
   */
  price_yearly: number;
  /** @example USD */
  currency: string;
  /** @example 14 */
  trial_days: number;
  limits: PlanLimitsResponse;
  included: PlanIncludedResponse;
  overage: PlanOverageResponse;
  /** @example ["HTTP load balancing", "Health checks"] */
  features: string[];

  static from(plan: Plan): PlanResponse {
    const { limits } = plan;
    return {
      id: plan.id,
      version: plan.version,
      name: plan.name,
      price_monthly: plan.priceMonthly,
      price_yearly: plan.priceYearly,
      currency: plan.currency,
      trial_days: plan.trialDays,
      limits: {
        max_pools: limits.pools,
        max_backends: limits.backends,
        max_routes: limits.routes,
        max_users: limits.users,
        requests_per_month: limits.requestsPerMonth,
        ai_jobs_per_month: limits.aiJobsPerMonth,
        sso: limits.sso,
        backups_kept: limits.backupsKept,
      },
      included: { requests: plan.included.requests, bandwidth_gb: plan.included.bytes / 1e9 },
      overage: {
        per_million_requests: plan.overage.perMillionRequests,
        per_gb: plan.overage.perGigabyte,
      },
      features: [...plan.features],
    };
  }
}

export class UsageItemResponse {
  /** @example requests */
  meter: 'requests' | 'bandwidth_gb' | 'ai_jobs';
  /** @example 375000 */
  quantity: number;
  /**
   * Null: no limit.
   * @example 250000
   */
  included: number | null;
  /**
   * What is over the included quantity.
   * @example 125000
   */
  overage: number;
  /**
   * Minor units (cents).
   * @example 125
   */
  amount: number;

  static from({ meter, quantity, included, overage, amount }: RatedMeter): UsageItemResponse {
    return { meter, quantity, included, overage, amount };
  }
}

export class UsageResponse {
  /** @example 2026-06-01T00:00:00.000Z */
  period_start: string;
  /** @example 2026-07-01T00:00:00.000Z */
  period_end: string;
  /** @example basic */
  plan: PlanId;
  /**
   * Requests carried in the period, up to a few seconds ago.
   * @example 375000
   */
  usage: number;
  /**
   * What usage over the included amounts costs so far, in minor units (cents); 0 in a trial.
   * Without a subscription no invoice is made of it.
   * @example 125
   */
  cost: number;
  /** @example USD */
  currency: string;
  items: UsageItemResponse[];

  static from(current: CurrentUsage): UsageResponse {
    return {
      period_start: current.period.start.toISOString(),
      period_end: current.period.end.toISOString(),
      plan: current.plan.id,
      usage: current.requests,
      cost: current.cost,
      currency: current.plan.currency,
      items: current.meters.map((m) => UsageItemResponse.from(m)),
    };
  }
}

export class HistoryQuery extends PageQuery {
  /**
   * A type, or all that begin so: `invoice`, `subscription`.
   * @example invoice.paid
   */
  @MayBeAbsent()
  @IsLine(60)
  type?: string;
}

export class HistoryResponse {
  /** @example event_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example 2026-06-01T00:00:00.000Z */
  timestamp: string;
  /** @example invoice.paid */
  type: string;
  /** @example "Invoice VF-2026-000001 over 9.99 USD was paid" */
  description: string;
  /**
   * Minor units (cents); null when no money is concerned.
   * @example 999
   */
  amount: number | null;
  /** @example USD */
  currency: string | null;
  /** @example sub_01jz3k5v8hf0vbn2x4q6t8w0ya */
  subscription_id: string | null;
  /** @example invoice_01jz3k5v8hf0vbn2x4q6t8w0ya */
  invoice_id: string | null;

  static from(row: HistoryRow): HistoryResponse {
    return {
      id: row.id,
      timestamp: row.at.toISOString(),
      type: row.type,
      description: row.description,
      amount: row.amount,
      currency: row.currency,
      subscription_id: row.subscriptionId,
      invoice_id: row.invoiceId,
    };
  }
}

export class PortalResponse {
  /** @example https://billing.stripe.com/p/session/test_123 */
  url: string;
}

export class TenantBillingResponse {
  /** @example basic */
  plan: PlanId;
  /** The one that the tenant pays for; null without one. */
  subscription: SubscriptionResponse | null;
  usage: UsageResponse;
  /** The twelve newest. */
  invoices: InvoiceResponse[];
}
