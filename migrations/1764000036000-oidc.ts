import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Single sign-on by tenant: its provider, sign-ins that have begun, and who is who there. */
export class Oidc1764000036000 implements MigrationInterface {
  readonly name = 'Oidc1764000036000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE oidc_configs (
        tenant_id text PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
        provider_url text NOT NULL, client_id text NOT NULL, client_secret text, redirect_uri text,
        scopes text[] NOT NULL, groups_claim text NOT NULL, role_mapping jsonb NOT NULL,
        default_role text NOT NULL CHECK (default_role IN ('viewer', 'member', 'admin')),
        create_users boolean NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
      SELECT build_tenant_wall('oidc_configs');

      CREATE TABLE oidc_sign_ins (
        state_hash text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        nonce text NOT NULL, code_verifier text NOT NULL, redirect_uri text NOT NULL, browser_hash text,
        expires_at timestamptz NOT NULL);
      CREATE INDEX oidc_sign_ins_expiry ON oidc_sign_ins (expires_at);
      SELECT build_tenant_wall('oidc_sign_ins');
      COMMENT ON TABLE oidc_sign_ins IS '[not in backups]';

      CREATE TABLE oidc_identities (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        issuer text NOT NULL, subject text NOT NULL,
        user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, issuer, subject));
      CREATE INDEX oidc_identities_user ON oidc_identities (user_id);
      SELECT build_tenant_wall('oidc_identities');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE oidc_identities, oidc_sign_ins, oidc_configs');
  }
}
