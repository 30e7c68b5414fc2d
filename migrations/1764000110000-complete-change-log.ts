import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whether an entry of the change log names everything that a node must read again: the pool of a backend, too, and
 * whether hosts came or went. Entries of before do not, nor do those of a node that runs the version of before.
 */
export class CompleteChangeLog1764000110000 implements MigrationInterface {
  readonly name = 'CompleteChangeLog1764000110000';

  async up(q: QueryRunner): Promise<void> {
    await q.query('ALTER TABLE configuration_change_log ADD COLUMN complete boolean NOT NULL DEFAULT false');
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('ALTER TABLE configuration_change_log DROP COLUMN complete');
  }
}
