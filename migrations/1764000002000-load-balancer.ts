import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Pools, backends and routes; foreign keys carry the tenant, so that nothing can point across the wall. */
export class LoadBalancer1764000002000 implements MigrationInterface {
  readonly name = 'LoadBalancer1764000002000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE pools (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        name text NOT NULL, algorithm text NOT NULL, sticky_sessions boolean NOT NULL DEFAULT false,
        health_check jsonb NOT NULL, connect_timeout text NOT NULL, response_timeout text NOT NULL,
        retries int NOT NULL, version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (tenant_id, id), UNIQUE (tenant_id, name));
      SELECT build_tenant_wall('pools');

      CREATE TABLE backends (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, pool_id text NOT NULL,
        address text NOT NULL, weight int NOT NULL, region text, admin_state text NOT NULL DEFAULT 'enabled'
          CHECK (admin_state IN ('enabled', 'draining', 'disabled')),
        health_check jsonb, version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        FOREIGN KEY (tenant_id, pool_id) REFERENCES pools (tenant_id, id),
        UNIQUE (tenant_id, id), UNIQUE (tenant_id, pool_id, address));
      SELECT build_tenant_wall('backends');

      CREATE TABLE route_hosts (
        host text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        UNIQUE (tenant_id, host));
      SELECT build_tenant_wall('route_hosts');

      CREATE TABLE routes (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, host text NOT NULL, path_prefix text NOT NULL DEFAULT '/',
        pool_id text NOT NULL, ssl_enabled boolean NOT NULL DEFAULT false, features jsonb NOT NULL DEFAULT '{}',
        version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        FOREIGN KEY (tenant_id, pool_id) REFERENCES pools (tenant_id, id),
        FOREIGN KEY (tenant_id, host) REFERENCES route_hosts (tenant_id, host),
        UNIQUE (tenant_id, id));
      CREATE UNIQUE INDEX routes_target ON routes (host, path_prefix, coalesce(features -> 'match', '[]'::jsonb));
      SELECT build_tenant_wall('routes');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE routes, route_hosts, backends, pools');
  }
}
