import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Live channels' controls, this machine's metrics, alerts with their notifications, and the program's log. */
export class Monitoring1764000010000 implements MigrationInterface {
  readonly name = 'Monitoring1764000010000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE realtime_channels (
        name text PRIMARY KEY, paused boolean NOT NULL DEFAULT false, interval_ms int);
      REVOKE ALL ON realtime_channels FROM veloflux_app;

      CREATE TABLE system_metrics (
        node text NOT NULL, at timestamptz NOT NULL,
        cpu_percent real NOT NULL, memory_percent real NOT NULL, disk_percent real NOT NULL,
        network_rx double precision NOT NULL, network_tx double precision NOT NULL, gpu_percent real,
        PRIMARY KEY (node, at));
      CREATE INDEX system_metrics_age ON system_metrics (at);
      CREATE TABLE system_metrics_minutes (
        node text NOT NULL, at timestamptz NOT NULL, samples int NOT NULL,
        cpu_percent real NOT NULL, memory_percent real NOT NULL, disk_percent real NOT NULL,
        network_rx double precision NOT NULL, network_tx double precision NOT NULL, gpu_percent real,
        PRIMARY KEY (node, at));
      CREATE INDEX system_metrics_minutes_age ON system_metrics_minutes (at);
      REVOKE ALL ON system_metrics, system_metrics_minutes FROM veloflux_app;

      CREATE TABLE program_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL, node text NOT NULL, level text NOT NULL, component text NOT NULL,
        message text NOT NULL, request_id text);
      CREATE INDEX program_log_at ON program_log (at DESC, id DESC);
      CREATE INDEX program_log_level ON program_log (level, at DESC, id DESC);
      CREATE INDEX program_log_component ON program_log (component, at DESC, id DESC);
      REVOKE ALL ON program_log FROM veloflux_app;
    `);
    await q.query(`
      CREATE TABLE alerts (
        id text PRIMARY KEY,
        tenant_id text REFERENCES tenants (id) ON DELETE CASCADE,
        fingerprint text NOT NULL, source text NOT NULL,
        severity text NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')),
        component text NOT NULL, message text NOT NULL, labels jsonb NOT NULL DEFAULT '{}',
        state text NOT NULL DEFAULT 'firing' CHECK (state IN ('firing', 'resolved')),
        occurrences int NOT NULL DEFAULT 1,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        resolved_at timestamptz, acknowledged_at timestamptz, acknowledged_by text);
      CREATE UNIQUE INDEX alerts_firing ON alerts (fingerprint) WHERE state = 'firing';
      CREATE INDEX alerts_tenant ON alerts (tenant_id, started_at DESC, id DESC);
      CREATE INDEX alerts_started ON alerts (started_at DESC, id DESC);
      SELECT build_tenant_wall('alerts');

      CREATE TABLE notification_deliveries (
        id text PRIMARY KEY,
        tenant_id text REFERENCES tenants (id) ON DELETE CASCADE,
        alert_id text REFERENCES alerts (id) ON DELETE CASCADE,
        channel text NOT NULL CHECK (channel IN ('email', 'slack', 'webhook')),
        event text NOT NULL CHECK (event IN ('firing', 'resolved')),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp());
      SELECT add_work_columns('notification_deliveries');
      CREATE UNIQUE INDEX notification_deliveries_once ON notification_deliveries (alert_id, event, channel);
      SELECT build_tenant_wall('notification_deliveries');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(
      `DROP TABLE notification_deliveries, alerts, program_log, system_metrics_minutes, system_metrics, realtime_channels`,
    );
  }
}
