import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By how much a backend's weight is raised or lowered ahead of a forecast peak; 1 at other times. */
export class WeightFactors1764000080001 implements MigrationInterface {
  readonly name = 'WeightFactors1764000080001';

  async up(q: QueryRunner): Promise<void> {
    await q.query(
      'ALTER TABLE backends ADD COLUMN weight_factor real NOT NULL DEFAULT 1 CHECK (weight_factor BETWEEN 0.01 AND 100)',
    );
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('ALTER TABLE backends DROP COLUMN weight_factor');
  }
}
