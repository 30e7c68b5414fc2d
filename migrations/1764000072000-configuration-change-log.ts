import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What each of the last changes touched, so that a node that runs version n reads only that to get to the newest one,
 * however large the tenant's configuration is. Without ids: read all of the tenant.
 */
export class ConfigurationChangeLog1764000072000 implements MigrationInterface {
  readonly name = 'ConfigurationChangeLog1764000072000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE configuration_change_log (
        version bigint NOT NULL, tenant_id text NOT NULL, ids text[], PRIMARY KEY (version, tenant_id));
      SELECT build_tenant_wall('configuration_change_log');
      COMMENT ON TABLE configuration_change_log IS '[not in backups]';
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE configuration_change_log');
  }
}
