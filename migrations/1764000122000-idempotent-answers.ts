import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers kept for an `Idempotency-Key` are encrypted, as some show a secret, and carry their header fields. */
export class IdempotentAnswers1764000122000 implements MigrationInterface {
  readonly name = 'IdempotentAnswers1764000122000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      DELETE FROM idempotency_keys;
      ALTER TABLE idempotency_keys DROP COLUMN state, DROP COLUMN status, DROP COLUMN body, ADD COLUMN answer text`);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      DELETE FROM idempotency_keys;
      ALTER TABLE idempotency_keys DROP COLUMN answer, ADD COLUMN status int, ADD COLUMN body jsonb,
        ADD COLUMN state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done'))`);
  }
}
