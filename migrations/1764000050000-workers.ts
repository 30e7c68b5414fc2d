import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Workers of the AI cluster and the one-time tokens that they enrol with. They belong to the installation, to no tenant. */
export class Workers1764000050000 implements MigrationInterface {
  readonly name = 'Workers1764000050000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE workers (
        id text PRIMARY KEY, name text NOT NULL UNIQUE, credential_hash text NOT NULL UNIQUE,
        hostname text NOT NULL, platform text NOT NULL, ip_address text NOT NULL,
        command text, process jsonb, host jsonb,
        report_interval_seconds real NOT NULL DEFAULT 5,
        connection_id text, connected_at timestamptz, offline_since timestamptz,
        last_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
        enrolled_at timestamptz NOT NULL DEFAULT clock_timestamp());

      CREATE TABLE enrollment_tokens (
        id text PRIMARY KEY, token_hash text NOT NULL UNIQUE, description text NOT NULL,
        created_by text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL, used_at timestamptz, revoked_at timestamptz,
        worker_id text, worker_name text);
      CREATE INDEX enrollment_tokens_created ON enrollment_tokens (created_at DESC, id DESC);

      REVOKE ALL ON workers, enrollment_tokens FROM veloflux_app;
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE enrollment_tokens, workers');
  }
}
