import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn, VersionColumn } from 'typeorm';
import type { PlanId } from '../tenants/index.js';
import type { BillingCycle, Period, ProviderName, SubscriptionStatus } from './billing.types.js';

/** bigint arrives as text; amounts stay far below 2^53. */
const integer = {
  to: (value: number | null) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
};

@Entity('subscriptions')
export class Subscription {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') provider: ProviderName;
  /** `sub_…` of Stripe; null for the built-in provider and until Stripe has made one. */
  @Column('text', { nullable: true }) external_id: string | null;
  @Column('text') plan: PlanId;
  @Column('int') plan_version: number;
  @Column('text') status: SubscriptionStatus;
  /** What the provider says; `status` is `past_due` too while it says `active` with a failed payment. */
  @Column('text') provider_status: SubscriptionStatus;
  @Column('text') billing_cycle: BillingCycle;
  @Column('text', { nullable: true }) payment_method: string | null;
  @Column('text') currency: string;
  @Column('bigint', { transformer: integer }) amount: number;
  /** All periods are counted from here. */
  @Column('timestamptz') anchor: Date;
  @Column('timestamptz') current_period_start: Date;
  @Column('timestamptz') current_period_end: Date;
  /** Usage is billed by the month, on yearly subscriptions too. */
  @Column('timestamptz') usage_period_start: Date;
  @Column('timestamptz') usage_period_end: Date;
  @Column('boolean') cancel_at_period_end: boolean;
  /** The terms from the end of the period on, when they were changed down. */
  @Column('text', { nullable: true }) pending_plan: PlanId | null;
  @Column('int', { nullable: true }) pending_plan_version: number | null;
  @Column('text', { nullable: true }) pending_cycle: BillingCycle | null;
  @Column('timestamptz', { nullable: true }) trial_end: Date | null;
  @Column('timestamptz', { nullable: true }) past_due_since: Date | null;
  @Column('timestamptz', { nullable: true }) canceled_at: Date | null;
  @Column('timestamptz', { nullable: true }) ended_at: Date | null;
  @Column('text', { nullable: true }) checkout_id: string | null;
  @Column('text', { nullable: true }) checkout_url: string | null;
  /** Stripe's schedule that carries out a change at the end of the period. */
  @Column('text', { nullable: true }) schedule_id: string | null;
  /** The newest event that changed it, where events are all there is to go by. */
  @Column('timestamptz', { nullable: true }) event_at: Date | null;
  @Column('int') event_rank: number;
  @VersionColumn() version: number;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updated_at: Date;

  get period(): Period {
    return { start: this.current_period_start, end: this.current_period_end };
  }

  get usagePeriod(): Period {
    return { start: this.usage_period_start, end: this.usage_period_end };
  }
}
