import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The catalogue of backups. Which tables a backup holds is said by the tables themselves, in their comments:
 * `[not in backups]` leaves one out (what is of this moment only), `[append only]` never loses a row to a restore
 * (what happened stays told). Every other table is backed up and restored whole.
 */
export class Backups1764000030000 implements MigrationInterface {
  readonly name = 'Backups1764000030000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE backups (
        id text PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        trigger text NOT NULL CHECK (trigger IN ('manual', 'schedule')),
        node text, size bigint, checksum text, rows jsonb,
        CHECK (checksum IS NULL OR (size IS NOT NULL AND rows IS NOT NULL)));
      SELECT add_work_columns('backups');
      CREATE INDEX backups_at ON backups (created_at DESC, id DESC);
      REVOKE ALL ON backups FROM veloflux_app;
      COMMENT ON TABLE backups IS '[not in backups]';

      GRANT SELECT ON migrations TO veloflux_system;
      GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO veloflux_system;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON SEQUENCES TO veloflux_system;
    `);
    for (const table of NOT_IN_BACKUPS) await q.query(`COMMENT ON TABLE ${table} IS '[not in backups]'`);
    await q.query(`COMMENT ON TABLE audit_log IS '[append only]'`);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE backups');
    for (const table of [...NOT_IN_BACKUPS, 'audit_log']) await q.query(`COMMENT ON TABLE ${table} IS NULL`);
    await q.query(
      `ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE UPDATE ON SEQUENCES FROM veloflux_system`,
    );
  }
}

/** Sign-ins, leases and locks of this moment, and traffic figures, which a restore must not take back. */
const NOT_IN_BACKUPS = [
  'config_state',
  'configuration_changes',
  'leases',
  'idempotency_keys',
  'sessions',
  'csrf_tokens',
  'login_failures',
  'control_plane_nodes',
  'traffic_minutes',
  'traffic_paths',
  'access_log',
];
