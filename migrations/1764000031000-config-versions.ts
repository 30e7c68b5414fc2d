import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A tenant's whole routing configuration after each change of it. Restores add versions, they never take one back. */
export class ConfigVersions1764000031000 implements MigrationInterface {
  readonly name = 'ConfigVersions1764000031000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE config_versions (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        actor_id text, actor_name text NOT NULL, summary text NOT NULL, document jsonb NOT NULL,
        PRIMARY KEY (tenant_id, version));
      SELECT build_tenant_wall('config_versions');
      COMMENT ON TABLE config_versions IS '[append only]';
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE config_versions');
  }
}
