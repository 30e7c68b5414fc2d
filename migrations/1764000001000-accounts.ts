import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tenants, people, their memberships, sessions, sign-in failures and the installation's settings. */
export class Accounts1764000001000 implements MigrationInterface {
  readonly name = 'Accounts1764000001000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE settings (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), values jsonb NOT NULL DEFAULT '{}');
      INSERT INTO settings DEFAULT VALUES;

      CREATE TABLE tenants (
        id text PRIMARY KEY, name text NOT NULL, domain text, status text NOT NULL DEFAULT 'active'
          CHECK (status IN ('active', 'suspended')),
        plan text NOT NULL DEFAULT 'free', settings jsonb NOT NULL DEFAULT '{}',
        version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE UNIQUE INDEX tenants_domain ON tenants (lower(domain)) WHERE domain IS NOT NULL;
      ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
      ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
      CREATE POLICY tenant_wall ON tenants TO veloflux_app
        USING (id = nullif(current_setting('app.tenant_id', true), ''));
      CREATE POLICY system_access ON tenants TO veloflux_system USING (true) WITH CHECK (true);

      CREATE TABLE users (
        id text PRIMARY KEY, email text NOT NULL, username text NOT NULL,
        first_name text NOT NULL DEFAULT '', last_name text NOT NULL DEFAULT '',
        password_hash text, superadmin boolean NOT NULL DEFAULT false, disabled boolean NOT NULL DEFAULT false,
        last_login timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE UNIQUE INDEX users_email ON users (lower(email));
      CREATE UNIQUE INDEX users_username ON users (lower(username));
      REVOKE ALL ON users FROM veloflux_app;

      CREATE TABLE memberships (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'invited')),
        invitation_hash text,
        disabled boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, user_id));
      CREATE INDEX memberships_user ON memberships (user_id);
      SELECT build_tenant_wall('memberships');

      CREATE TABLE sessions (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        refresh_hash text NOT NULL, generation int NOT NULL DEFAULT 1,
        address text, user_agent text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        ended_at timestamptz, end_reason text);
      CREATE INDEX sessions_user ON sessions (user_id) WHERE ended_at IS NULL;
      CREATE INDEX sessions_expiry ON sessions (expires_at);
      SELECT build_tenant_wall('sessions');

      CREATE TABLE login_failures (
        account text PRIMARY KEY, failures int NOT NULL DEFAULT 0,
        last_failure timestamptz NOT NULL DEFAULT clock_timestamp(), locked_until timestamptz);
      REVOKE ALL ON login_failures FROM veloflux_app;

      CREATE TABLE csrf_tokens (
        hash text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        session_id text NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        expires_at timestamptz NOT NULL);
      SELECT build_tenant_wall('csrf_tokens');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE csrf_tokens, login_failures, sessions, memberships, users, tenants, settings');
  }
}
