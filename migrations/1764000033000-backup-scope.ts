import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Samples and log lines of this moment stay out of backups, as traffic figures do. */
export class BackupScope1764000033000 implements MigrationInterface {
  readonly name = 'BackupScope1764000033000';

  async up(q: QueryRunner): Promise<void> {
    for (const table of TABLES) await q.query(`COMMENT ON TABLE ${table} IS '[not in backups]'`);
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of TABLES) await q.query(`COMMENT ON TABLE ${table} IS NULL`);
  }
}

const TABLES = ['system_metrics', 'system_metrics_minutes', 'program_log'];
