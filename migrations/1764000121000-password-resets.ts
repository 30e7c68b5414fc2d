import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tokens with which people set a new password without the old one. */
export class PasswordResets1764000121000 implements MigrationInterface {
  readonly name = 'PasswordResets1764000121000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE password_resets (
        user_id text PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        token_hash text NOT NULL UNIQUE, by_mail boolean NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(), expires_at timestamptz NOT NULL);
      REVOKE ALL ON password_resets FROM veloflux_app;
      COMMENT ON TABLE password_resets IS '[not in backups]'`);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE password_resets');
  }
}
