import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the data plane counted, in minute buckets. A run writes its own rows with absolute figures: never twice. */
export class Telemetry1764000003000 implements MigrationInterface {
  readonly name = 'Telemetry1764000003000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE traffic_minutes (
        tenant_id text NOT NULL, minute timestamptz NOT NULL, run_id text NOT NULL,
        route_id text NOT NULL, pool_id text NOT NULL DEFAULT '', backend_id text NOT NULL DEFAULT '',
        requests bigint NOT NULL, status_classes bigint[] NOT NULL, latency_buckets bigint[] NOT NULL,
        latency_sum_ms double precision NOT NULL, bytes_in bigint NOT NULL, bytes_out bigint NOT NULL,
        PRIMARY KEY (tenant_id, minute, run_id, route_id, pool_id, backend_id));
      CREATE INDEX traffic_minutes_age ON traffic_minutes (minute);
      SELECT build_tenant_wall('traffic_minutes');

      CREATE TABLE traffic_paths (
        tenant_id text NOT NULL, hour timestamptz NOT NULL, run_id text NOT NULL, path text NOT NULL,
        requests bigint NOT NULL, errors bigint NOT NULL, latency_sum_ms double precision NOT NULL,
        PRIMARY KEY (tenant_id, hour, run_id, path));
      CREATE INDEX traffic_paths_age ON traffic_paths (hour);
      SELECT build_tenant_wall('traffic_paths');

      CREATE TABLE access_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text NOT NULL, at timestamptz NOT NULL, route_id text, pool_id text, backend_id text,
        method text NOT NULL, path text NOT NULL, status int NOT NULL, latency_ms double precision NOT NULL,
        client_address text, request_id text);
      CREATE INDEX access_log_tenant ON access_log (tenant_id, at DESC);
      CREATE INDEX access_log_age ON access_log (at);
      SELECT build_tenant_wall('access_log');

      CREATE TABLE control_plane_nodes (
        id text PRIMARY KEY, name text NOT NULL, address text NOT NULL, status text NOT NULL,
        engine text NOT NULL, program_version text NOT NULL,
        applied_version bigint NOT NULL DEFAULT 0, apply_error text,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_seen timestamptz NOT NULL DEFAULT clock_timestamp());
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE control_plane_nodes, access_log, traffic_paths, traffic_minutes');
  }
}
