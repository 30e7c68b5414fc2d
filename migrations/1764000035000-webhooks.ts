import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where tenants want to be told what happened, and every message sent there. */
export class Webhooks1764000035000 implements MigrationInterface {
  readonly name = 'Webhooks1764000035000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE webhook_endpoints (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        url text NOT NULL, description text NOT NULL, events text[] NOT NULL, enabled boolean NOT NULL DEFAULT true,
        secret text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (tenant_id, id));
      SELECT build_tenant_wall('webhook_endpoints');

      CREATE TABLE webhook_deliveries (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, endpoint_id text NOT NULL,
        event_id text NOT NULL, event_type text NOT NULL, payload text NOT NULL, replay_of text,
        response_status int, response_ms int, attempted_at timestamptz, delivered_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints (tenant_id, id) ON DELETE CASCADE);
      CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (tenant_id, endpoint_id, created_at DESC, id DESC);
      CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);
      SELECT add_work_columns('webhook_deliveries');
      SELECT build_tenant_wall('webhook_deliveries');
      COMMENT ON TABLE webhook_deliveries IS '[not in backups]';
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE webhook_deliveries, webhook_endpoints');
  }
}
