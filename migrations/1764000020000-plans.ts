import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What can be bought, in versions that never change once they are there: a tenant keeps the one that it bought. A new
 * price or limit is a new version, inserted by a later migration; the runtime roles may only read.
 */
export class Plans1764000020000 implements MigrationInterface {
  readonly name = 'Plans1764000020000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE plans (
        id text NOT NULL, version int NOT NULL, name text NOT NULL, rank int NOT NULL,
        currency text NOT NULL, price_monthly bigint NOT NULL, price_yearly bigint NOT NULL, trial_days int NOT NULL,
        max_pools int, max_backends int, max_routes int, max_users int,
        requests_per_month bigint, ai_jobs_per_month int, sso boolean NOT NULL, backups_kept int NOT NULL,
        included_requests bigint NOT NULL, included_bytes bigint NOT NULL,
        price_per_million_requests bigint, price_per_gb bigint,
        features jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (id, version));
      COMMENT ON COLUMN plans.price_per_million_requests IS 'minor units; null: usage over the included amount is not billed';

      INSERT INTO plans (id, version, name, rank, currency, price_monthly, price_yearly, trial_days,
        max_pools, max_backends, max_routes, max_users, requests_per_month, ai_jobs_per_month, sso, backups_kept,
        included_requests, included_bytes, price_per_million_requests, price_per_gb, features) VALUES
      ('free', 1, 'Free', 0, 'USD', 0, 0, 0,
        5, 20, 10, 5, 50000, 10, false, 1, 50000, 10000000000, NULL, NULL,
        '["HTTP load balancing", "Health checks", "Metrics"]'),
      ('basic', 1, 'Basic', 1, 'USD', 999, 9990, 14,
        25, 100, 50, 25, 250000, 100, false, 7, 250000, 100000000000, 1000, 9,
        '["HTTP load balancing", "Health checks", "Metrics", "TLS certificates", "Traffic forecasts"]'),
      ('professional', 1, 'Professional', 2, 'USD', 2999, 29990, 14,
        200, 1000, 500, 100, 5000000, 1000, true, 14, 5000000, 1000000000000, 600, 7,
        '["HTTP load balancing", "Health checks", "Metrics", "TLS certificates", "Traffic forecasts", "AI pipelines", "Single sign-on"]'),
      ('enterprise', 1, 'Enterprise', 3, 'USD', 9999, 99990, 14,
        NULL, NULL, NULL, NULL, NULL, NULL, true, 90, 50000000, 5000000000000, 400, 5,
        '["HTTP load balancing", "Health checks", "Metrics", "TLS certificates", "Traffic forecasts", "AI pipelines", "Single sign-on", "No limits on pools, backends, routes and users"]');
      REVOKE INSERT, UPDATE, DELETE ON plans FROM veloflux_app, veloflux_system;

      ALTER TABLE tenants ADD COLUMN plan_version int NOT NULL DEFAULT 1,
        ADD FOREIGN KEY (plan, plan_version) REFERENCES plans (id, version);
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('ALTER TABLE tenants DROP COLUMN plan_version; DROP TABLE plans');
  }
}
