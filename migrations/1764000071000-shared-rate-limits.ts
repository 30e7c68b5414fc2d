import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Requests counted by several nodes together; lost in a crash of the database, which costs at most one window. */
export class SharedRateLimits1764000071000 implements MigrationInterface {
  readonly name = 'SharedRateLimits1764000071000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE UNLOGGED TABLE rate_limit_windows (
        key text PRIMARY KEY, hits bigint NOT NULL, ends_at timestamptz NOT NULL);
      CREATE INDEX rate_limit_windows_end ON rate_limit_windows (ends_at);
      REVOKE ALL ON rate_limit_windows FROM veloflux_app;
      COMMENT ON TABLE rate_limit_windows IS '[not in backups]';
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE rate_limit_windows');
  }
}
