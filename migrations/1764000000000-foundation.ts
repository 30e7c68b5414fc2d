import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Roles, the wall between tenants, and the tables of the platform itself. Every later table of a tenant calls
 * `build_tenant_wall`; every table of queued work calls `add_work_columns`.
 */
export class Foundation1764000000000 implements MigrationInterface {
  readonly name = 'Foundation1764000000000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      DO $$ BEGIN CREATE ROLE veloflux_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
      DO $$ BEGIN CREATE ROLE veloflux_system NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
      DO $$ BEGIN
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
          EXECUTE format('GRANT veloflux_app, veloflux_system TO %I', current_user);
        END IF;
      END $$;
      GRANT USAGE ON SCHEMA public TO veloflux_app, veloflux_system;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO veloflux_app, veloflux_system;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO veloflux_app, veloflux_system;
    `);
    await q.query(`
      CREATE FUNCTION build_tenant_wall(target regclass) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format('CREATE POLICY tenant_wall ON %s TO veloflux_app
          USING (tenant_id = nullif(current_setting(''app.tenant_id'', true), ''''))
          WITH CHECK (tenant_id = nullif(current_setting(''app.tenant_id'', true), ''''))', target);
        EXECUTE format('CREATE POLICY system_access ON %s TO veloflux_system USING (true) WITH CHECK (true)', target);
      END $$;
      CREATE FUNCTION add_work_columns(target regclass) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        EXECUTE format('ALTER TABLE %s
          ADD COLUMN state text NOT NULL DEFAULT ''pending'' CHECK (state IN (''pending'', ''running'', ''done'', ''dead'')),
          ADD COLUMN attempts int NOT NULL DEFAULT 0,
          ADD COLUMN available_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          ADD COLUMN leased_until timestamptz,
          ADD COLUMN lease_token text,
          ADD COLUMN last_error text', target);
        EXECUTE format('CREATE INDEX ON %s (available_at) WHERE state IN (''pending'', ''running'')', target);
      END $$;
      REVOKE EXECUTE ON FUNCTION build_tenant_wall(regclass), add_work_columns(regclass) FROM PUBLIC;
    `);
    await q.query(`
      CREATE TABLE config_state (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), version bigint NOT NULL);
      INSERT INTO config_state (version) VALUES (1);

      CREATE TABLE leases (
        name text PRIMARY KEY, holder text NOT NULL DEFAULT '', epoch bigint NOT NULL DEFAULT 0,
        expires_at timestamptz NOT NULL DEFAULT '-infinity');
      INSERT INTO leases (name) VALUES ('leader');

      CREATE TABLE audit_log (
        id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), tenant_id text,
        actor_id text, actor_name text NOT NULL, address text, request_id text,
        action text NOT NULL, level text NOT NULL,
        object_type text, object_id text, object_name text,
        message text NOT NULL, details jsonb NOT NULL DEFAULT '{}');
      CREATE INDEX audit_log_tenant ON audit_log (tenant_id, at DESC, id DESC);
      CREATE INDEX audit_log_at ON audit_log (at DESC, id DESC);
      SELECT build_tenant_wall('audit_log');
      CREATE POLICY installation_events ON audit_log FOR INSERT TO veloflux_app WITH CHECK (tenant_id IS NULL);
      REVOKE UPDATE, DELETE ON audit_log FROM veloflux_app;

      CREATE TABLE idempotency_keys (
        tenant_id text NOT NULL, key text NOT NULL, fingerprint text NOT NULL,
        state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
        status int, body jsonb, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, key));
      CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
      SELECT build_tenant_wall('idempotency_keys');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      DROP TABLE idempotency_keys, audit_log, leases, config_state;
      DROP FUNCTION add_work_columns(regclass);
      DROP FUNCTION build_tenant_wall(regclass);
      ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM veloflux_app, veloflux_system;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM veloflux_app, veloflux_system;
    `);
  }
}
