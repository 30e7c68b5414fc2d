import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Pipeline runs of many inputs, and where they are worked on. */
export class PipelineBatches1764000090000 implements MigrationInterface {
  readonly name = 'PipelineBatches1764000090000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      ALTER TABLE ai_pipeline_runs ALTER COLUMN input DROP NOT NULL,
        ADD COLUMN inputs jsonb, ADD COLUMN results jsonb, ADD COLUMN target text NOT NULL DEFAULT 'auto',
        ADD COLUMN executor_reason text,
        ADD CONSTRAINT one_kind_of_input CHECK ((input IS NULL) <> (inputs IS NULL))`);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      DELETE FROM ai_pipeline_runs WHERE input IS NULL;
      ALTER TABLE ai_pipeline_runs DROP CONSTRAINT one_kind_of_input, DROP COLUMN inputs, DROP COLUMN results,
        DROP COLUMN target, DROP COLUMN executor_reason, ALTER COLUMN input SET NOT NULL`);
  }
}
