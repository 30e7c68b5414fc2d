import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The hottest read of the API in one round trip: it enters the tenant and reads behind the wall in one statement, which
 * is a transaction of its own. SECURITY INVOKER, so that row-level security holds for whoever calls it.
 */
export class ReadPool1764000005000 implements MigrationInterface {
  readonly name = 'ReadPool1764000005000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE FUNCTION read_pool(tenant text, pool_name text) RETURNS json LANGUAGE plpgsql AS $$
      DECLARE result json;
      BEGIN
        PERFORM set_config('app.tenant_id', tenant, true);
        SELECT json_build_object('pool', p, 'backends', coalesce((
            SELECT json_agg(json_build_object('id', b.id, 'address', b.address, 'weight', b.weight,
                'region', b.region, 'admin_state', b.admin_state) ORDER BY b.id)
            FROM backends b WHERE b.tenant_id = p.tenant_id AND b.pool_id = p.id), '[]'::json))
          INTO result FROM pools p WHERE p.tenant_id = tenant AND p.name = pool_name;
        RETURN result;
      END $$;
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DROP FUNCTION read_pool(text, text)');
  }
}
