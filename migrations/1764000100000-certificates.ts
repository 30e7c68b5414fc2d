import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * TLS certificates with their keys (encrypted), what certificate authorities ask at the moment (RFC 8555 §8.3), and the
 * installation's accounts with them.
 */
export class Certificates1764000100000 implements MigrationInterface {
  readonly name = 'Certificates1764000100000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE certificates (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        source text NOT NULL CHECK (source IN ('upload', 'acme')), hosts text[] NOT NULL,
        chain text, private_key text, issued_at timestamptz,
        names text[], subject text, issuer text, serial_number text, fingerprint text, key_type text,
        not_before timestamptz, not_after timestamptz,
        acme_state text CHECK (acme_state IN ('pending', 'ordering', 'failed', 'issued')),
        acme_attempts int NOT NULL DEFAULT 0, acme_due_at timestamptz, acme_error text,
        version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CHECK ((chain IS NULL) = (private_key IS NULL) AND (chain IS NULL) = (not_after IS NULL)),
        CHECK (source = 'acme' OR chain IS NOT NULL),
        CHECK ((source = 'acme') = (acme_state IS NOT NULL)),
        UNIQUE (tenant_id, id));
      CREATE INDEX certificates_due ON certificates (acme_due_at) WHERE acme_due_at IS NOT NULL;
      CREATE INDEX certificates_expiry ON certificates (not_after);
      SELECT build_tenant_wall('certificates');

      CREATE TABLE acme_challenges (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, certificate_id text NOT NULL,
        host text NOT NULL, token text NOT NULL, key_authorization text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, host, token),
        FOREIGN KEY (tenant_id, certificate_id) REFERENCES certificates (tenant_id, id) ON DELETE CASCADE);
      CREATE INDEX acme_challenges_certificate ON acme_challenges (tenant_id, certificate_id);
      SELECT build_tenant_wall('acme_challenges');
      COMMENT ON TABLE acme_challenges IS '[not in backups]';

      CREATE TABLE acme_accounts (
        directory_url text PRIMARY KEY, account_url text NOT NULL, private_key text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp());
      REVOKE ALL ON acme_accounts FROM veloflux_app;
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE acme_accounts, acme_challenges, certificates');
  }
}
