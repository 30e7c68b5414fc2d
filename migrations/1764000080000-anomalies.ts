import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Findings of a node, their end, and that they go with their tenant. */
export class Anomalies1764000080000 implements MigrationInterface {
  readonly name = 'Anomalies1764000080000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      ALTER TABLE ai_anomalies RENAME COLUMN series TO metric;
      ALTER TABLE ai_anomalies
        ADD COLUMN node text, ADD COLUMN ended_at timestamptz,
        ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
        ALTER COLUMN expected SET NOT NULL, ALTER COLUMN lower SET NOT NULL, ALTER COLUMN upper SET NOT NULL;
      CREATE INDEX ai_detector_states_age ON ai_detector_states (minute);
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      DROP INDEX ai_detector_states_age;
      ALTER TABLE ai_anomalies
        ALTER COLUMN expected DROP NOT NULL, ALTER COLUMN lower DROP NOT NULL, ALTER COLUMN upper DROP NOT NULL,
        DROP CONSTRAINT ai_anomalies_tenant_id_fkey, DROP COLUMN ended_at, DROP COLUMN node;
      ALTER TABLE ai_anomalies RENAME COLUMN metric TO series;
    `);
  }
}
