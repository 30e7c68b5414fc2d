import type { MigrationInterface, QueryRunner } from 'typeorm';

/** AI: settings, training runs, trained versions, settled forecasts, deployments, predictions, pipelines, anomalies. */
export class Ai1764000040000 implements MigrationInterface {
  readonly name = 'Ai1764000040000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE ai_config (
        tenant_id text PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
        values jsonb NOT NULL DEFAULT '{}');
      SELECT build_tenant_wall('ai_config');

      CREATE TABLE ai_training_runs (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        model_type text NOT NULL, pool_id text, trigger text NOT NULL,
        params jsonb NOT NULL DEFAULT '{}', data jsonb,
        status text NOT NULL DEFAULT 'pending'
          CHECK (status IN ('pending', 'running', 'completed', 'failed', 'stopped')),
        stop_requested boolean NOT NULL DEFAULT false,
        progress real NOT NULL DEFAULT 0, stage jsonb, metrics jsonb, error text, model_version int,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        started_at timestamptz, finished_at timestamptz,
        UNIQUE (tenant_id, id));
      SELECT add_work_columns('ai_training_runs');
      SELECT build_tenant_wall('ai_training_runs');
      CREATE INDEX ai_training_runs_list ON ai_training_runs (tenant_id, created_at DESC, id DESC);

      CREATE TABLE ai_model_versions (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        model text NOT NULL, pool_id text NOT NULL DEFAULT '', version int NOT NULL,
        served boolean NOT NULL DEFAULT false, model_data jsonb NOT NULL, card jsonb NOT NULL, training_id text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (tenant_id, model, pool_id, version));
      CREATE UNIQUE INDEX ai_model_versions_served ON ai_model_versions (tenant_id, model, pool_id) WHERE served;
      SELECT build_tenant_wall('ai_model_versions');

      CREATE TABLE ai_settled_forecasts (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        pool_id text NOT NULL DEFAULT '', target timestamptz NOT NULL, version int NOT NULL,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        value double precision NOT NULL, lower double precision NOT NULL, upper double precision NOT NULL,
        naive double precision NOT NULL, actual double precision,
        PRIMARY KEY (tenant_id, pool_id, target));
      CREATE INDEX ai_settled_forecasts_open ON ai_settled_forecasts (target) WHERE actual IS NULL;
      SELECT build_tenant_wall('ai_settled_forecasts');

      CREATE TABLE ai_models (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        name text NOT NULL, version text NOT NULL, runtime text NOT NULL, status text NOT NULL, reason text,
        config jsonb NOT NULL DEFAULT '{}', progress real,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (tenant_id, name), UNIQUE (tenant_id, id));
      SELECT build_tenant_wall('ai_models');

      CREATE TABLE ai_predictions (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        model text NOT NULL, model_version text NOT NULL, batch_id text,
        input jsonb, output jsonb, error text, confidence double precision, latency_ms double precision NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX ai_predictions_list ON ai_predictions (tenant_id, created_at DESC, id DESC);
      CREATE INDEX ai_predictions_age ON ai_predictions (created_at);
      SELECT build_tenant_wall('ai_predictions');

      CREATE TABLE ai_pipelines (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        name text NOT NULL, type text NOT NULL, category text NOT NULL, steps jsonb NOT NULL,
        version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (tenant_id, name), UNIQUE (tenant_id, id));
      SELECT build_tenant_wall('ai_pipelines');

      CREATE TABLE ai_pipeline_runs (
        id text PRIMARY KEY,
        tenant_id text NOT NULL, pipeline_id text NOT NULL,
        status text NOT NULL DEFAULT 'pending'
          CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
        cancel_requested boolean NOT NULL DEFAULT false,
        async boolean NOT NULL, input jsonb NOT NULL, output jsonb, steps jsonb NOT NULL DEFAULT '[]', error text,
        progress real NOT NULL DEFAULT 0, executor text NOT NULL DEFAULT 'local',
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        started_at timestamptz, finished_at timestamptz,
        FOREIGN KEY (tenant_id, pipeline_id) REFERENCES ai_pipelines (tenant_id, id) ON DELETE CASCADE,
        UNIQUE (tenant_id, id));
      SELECT add_work_columns('ai_pipeline_runs');
      SELECT build_tenant_wall('ai_pipeline_runs');
      CREATE INDEX ai_pipeline_runs_list ON ai_pipeline_runs (tenant_id, pipeline_id, created_at DESC, id DESC);

      CREATE TABLE ai_anomalies (
        id text PRIMARY KEY,
        tenant_id text, pool_id text, series text NOT NULL, at timestamptz NOT NULL,
        score double precision NOT NULL, value double precision NOT NULL,
        expected double precision, lower double precision, upper double precision, around jsonb NOT NULL DEFAULT '[]',
        created_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX ai_anomalies_list ON ai_anomalies (tenant_id, at DESC, id DESC);
      CREATE INDEX ai_anomalies_age ON ai_anomalies (at);
      SELECT build_tenant_wall('ai_anomalies');

      CREATE TABLE ai_detector_states (
        tenant_id text NOT NULL DEFAULT '', series text NOT NULL, minute timestamptz NOT NULL, detector jsonb NOT NULL,
        PRIMARY KEY (tenant_id, series));
      SELECT build_tenant_wall('ai_detector_states');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`DROP TABLE ai_detector_states, ai_anomalies, ai_pipeline_runs, ai_pipelines, ai_predictions, ai_models,
      ai_settled_forecasts, ai_model_versions, ai_training_runs, ai_config`);
  }
}
