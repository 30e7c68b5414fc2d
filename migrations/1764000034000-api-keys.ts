import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys for programs. A key works while the person who made it is in the tenant, and never beyond their role. */
export class ApiKeys1764000034000 implements MigrationInterface {
  readonly name = 'ApiKeys1764000034000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE api_keys (
        id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        name text NOT NULL,
        role text NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner', 'superadmin')),
        scopes text[] NOT NULL, hash text NOT NULL UNIQUE, hint text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz, last_used_at timestamptz);
      CREATE INDEX api_keys_tenant ON api_keys (tenant_id, created_at);
      SELECT build_tenant_wall('api_keys');
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP TABLE api_keys');
  }
}
