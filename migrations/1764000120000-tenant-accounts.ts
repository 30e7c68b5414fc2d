import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * People whom a tenant's sign-in provider vouches for are that tenant's own: their address blocks nobody's anywhere
 * else, and nobody's registration elsewhere blocks them. Members who only claim an address are told apart.
 */
export class TenantAccounts1764000120000 implements MigrationInterface {
  readonly name = 'TenantAccounts1764000120000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      ALTER TABLE users ADD COLUMN home_tenant_id text REFERENCES tenants (id) DEFERRABLE INITIALLY DEFERRED;
      ALTER TABLE memberships ADD COLUMN vouched boolean NOT NULL DEFAULT true;
      UPDATE users u SET home_tenant_id = m.tenant_id FROM memberships m
        WHERE m.user_id = u.id AND m.status = 'active' AND u.password_hash IS NULL AND NOT u.superadmin
          AND (SELECT count(*) FROM memberships o WHERE o.user_id = u.id) = 1;
      SET CONSTRAINTS ALL IMMEDIATE;
      DROP INDEX users_email, users_username;
      CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE home_tenant_id IS NULL;
      CREATE UNIQUE INDEX users_username ON users (lower(username)) WHERE home_tenant_id IS NULL;
      CREATE UNIQUE INDEX users_home_email ON users (home_tenant_id, lower(email)) WHERE home_tenant_id IS NOT NULL`);
  }

  /** @throws when an address is in use twice by then */
  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      DROP INDEX users_home_email, users_email, users_username;
      CREATE UNIQUE INDEX users_email ON users (lower(email));
      CREATE UNIQUE INDEX users_username ON users (lower(username));
      ALTER TABLE users DROP COLUMN home_tenant_id;
      ALTER TABLE memberships DROP COLUMN vouched`);
  }
}
