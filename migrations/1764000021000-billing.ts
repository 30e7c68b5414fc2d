import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Subscriptions, invoices, metered usage, and what Stripe tells us. Money is in minor units. */
export class Billing1764000021000 implements MigrationInterface {
  readonly name = 'Billing1764000021000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE billing_accounts (
        tenant_id text PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
        stripe_customer_id text UNIQUE,
        credit bigint NOT NULL DEFAULT 0 CHECK (credit >= 0),
        trial_used_at timestamptz);
      SELECT build_tenant_wall('billing_accounts');

      CREATE TABLE subscriptions (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        provider text NOT NULL CHECK (provider IN ('builtin', 'stripe')), external_id text UNIQUE,
        plan text NOT NULL, plan_version int NOT NULL,
        status text NOT NULL CHECK (status IN
          ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled')),
        provider_status text NOT NULL,
        billing_cycle text NOT NULL CHECK (billing_cycle IN ('monthly', 'yearly')),
        payment_method text, currency text NOT NULL, amount bigint NOT NULL,
        anchor timestamptz NOT NULL,
        current_period_start timestamptz NOT NULL, current_period_end timestamptz NOT NULL,
        usage_period_start timestamptz NOT NULL, usage_period_end timestamptz NOT NULL,
        cancel_at_period_end boolean NOT NULL DEFAULT false,
        pending_plan text, pending_plan_version int, pending_cycle text,
        trial_end timestamptz, past_due_since timestamptz, canceled_at timestamptz, ended_at timestamptz,
        checkout_id text, checkout_url text, schedule_id text,
        event_at timestamptz, event_rank int NOT NULL DEFAULT 0,
        version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CHECK (current_period_start < current_period_end), CHECK (usage_period_start < usage_period_end),
        FOREIGN KEY (plan, plan_version) REFERENCES plans (id, version),
        FOREIGN KEY (pending_plan, pending_plan_version) REFERENCES plans (id, version),
        UNIQUE (tenant_id, id));
      CREATE UNIQUE INDEX subscriptions_one_live ON subscriptions (tenant_id)
        WHERE provider = 'builtin' AND status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused');
      CREATE INDEX subscriptions_due ON subscriptions (usage_period_end)
        WHERE provider = 'builtin' AND status IN ('trialing', 'active', 'past_due', 'unpaid');
      CREATE INDEX subscriptions_past_due ON subscriptions (past_due_since) WHERE status = 'past_due';
      SELECT build_tenant_wall('subscriptions');

      CREATE TABLE invoices (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        subscription_id text, external_subscription_id text,
        provider text NOT NULL CHECK (provider IN ('builtin', 'stripe')), external_id text UNIQUE,
        key text NOT NULL, number text, reason text NOT NULL,
        status text NOT NULL CHECK (status IN ('draft', 'open', 'paid', 'void', 'uncollectible')),
        payment_failed boolean NOT NULL DEFAULT false, attempt_count int NOT NULL DEFAULT 0,
        currency text NOT NULL, amount_due bigint NOT NULL, amount_paid bigint NOT NULL DEFAULT 0,
        lines jsonb NOT NULL,
        period_start timestamptz NOT NULL, period_end timestamptz NOT NULL,
        due_at timestamptz, paid_at timestamptz, hosted_url text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions (tenant_id, id),
        UNIQUE (tenant_id, id), UNIQUE (tenant_id, key));
      CREATE INDEX invoices_list ON invoices (tenant_id, created_at DESC, id DESC);
      CREATE INDEX invoices_due ON invoices (due_at) WHERE status = 'open' AND provider = 'builtin';
      CREATE INDEX invoices_external_subscription ON invoices (external_subscription_id);
      SELECT build_tenant_wall('invoices');

      CREATE TABLE invoice_numbers (year int PRIMARY KEY, last bigint NOT NULL);

      CREATE TABLE billing_history (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        key text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        type text NOT NULL, description text NOT NULL, amount bigint, currency text,
        subscription_id text, invoice_id text,
        UNIQUE (tenant_id, key));
      CREATE INDEX billing_history_list ON billing_history (tenant_id, at DESC, id DESC);
      SELECT build_tenant_wall('billing_history');
    `);
    await q.query(`
      CREATE TABLE usage_minutes (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, minute timestamptz NOT NULL,
        requests bigint NOT NULL, bytes bigint NOT NULL,
        PRIMARY KEY (tenant_id, minute));
      CREATE INDEX usage_minutes_minute ON usage_minutes (minute);
      SELECT build_tenant_wall('usage_minutes');
      CREATE TABLE usage_progress (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        collected_until timestamptz NOT NULL DEFAULT clock_timestamp());
      INSERT INTO usage_progress DEFAULT VALUES;

      CREATE TABLE usage_events (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        meter text NOT NULL, key text NOT NULL, quantity bigint NOT NULL CHECK (quantity >= 0),
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, meter, key));
      CREATE INDEX usage_events_at ON usage_events (tenant_id, meter, at);
      SELECT build_tenant_wall('usage_events');

      CREATE TABLE usage_closings (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, subscription_id text NOT NULL,
        period_start timestamptz NOT NULL, period_end timestamptz NOT NULL,
        plan text NOT NULL, plan_version int NOT NULL, requests bigint NOT NULL, bytes bigint NOT NULL,
        billed boolean NOT NULL, closed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, subscription_id, period_start),
        FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (plan, plan_version) REFERENCES plans (id, version));
      SELECT build_tenant_wall('usage_closings');

      CREATE TABLE usage_reports (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        meter text NOT NULL, hour timestamptz NOT NULL, quantity bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX usage_reports_hour ON usage_reports (tenant_id, meter, hour);
      SELECT build_tenant_wall('usage_reports');
      SELECT add_work_columns('usage_reports');
    `);
    await q.query(`
      CREATE TABLE stripe_events (
        id text PRIMARY KEY, type text NOT NULL, object_type text, object_id text,
        api_version text, livemode boolean, created timestamptz NOT NULL,
        payload jsonb NOT NULL, outcome text,
        deliveries int NOT NULL DEFAULT 1, handled_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX stripe_events_list ON stripe_events (created_at DESC, id DESC);
      CREATE INDEX stripe_events_object ON stripe_events (object_id);
      SELECT add_work_columns('stripe_events');
      REVOKE ALL ON stripe_events FROM veloflux_app;

      CREATE SEQUENCE stripe_tickets;
      CREATE TABLE stripe_objects (id text PRIMARY KEY, ticket bigint NOT NULL);
      REVOKE ALL ON stripe_objects FROM veloflux_app;

      CREATE TABLE billing_reconciliations (
        id text PRIMARY KEY, provider text NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(), finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        subscriptions_checked int NOT NULL, differences jsonb NOT NULL, error text);
      CREATE INDEX billing_reconciliations_list ON billing_reconciliations (started_at DESC, id DESC);
      REVOKE ALL ON billing_reconciliations FROM veloflux_app;
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      DROP TABLE billing_reconciliations, stripe_objects, stripe_events, usage_reports, usage_closings, usage_events,
        usage_progress, usage_minutes, billing_history, invoice_numbers, invoices, subscriptions, billing_accounts;
      DROP SEQUENCE stripe_tickets;
    `);
  }
}
