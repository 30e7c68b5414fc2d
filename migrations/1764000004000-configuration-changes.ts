import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The last configuration version that changed each tenant: what a node must read again to get from the version that
 * it runs to the current one, whatever notifications it missed.
 */
export class ConfigurationChanges1764000004000 implements MigrationInterface {
  readonly name = 'ConfigurationChanges1764000004000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE configuration_changes (tenant_id text PRIMARY KEY, version bigint NOT NULL);
      CREATE INDEX configuration_changes_version ON configuration_changes (version);
      SELECT build_tenant_wall('configuration_changes');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE configuration_changes');
  }
}
