import { newId } from '../../src/common/ids.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

describe('the wall between tenants', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());

  it('stands around every table that names a tenant, against the owner too', async () => {
    const open = await db.sql(`
      SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
      WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`);
    expect(open).toEqual([]);
  });

  it('leaves the runtime roles nothing to own and no way around it', async () => {
    const owned = await db.sql(`
      SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname IN ('veloflux_app', 'veloflux_system')`);
    expect(owned).toEqual([]);
    expect(
      await db.sql(
        `SELECT rolname FROM pg_roles WHERE rolname LIKE 'veloflux\\_%' AND (rolsuper OR rolbypassrls OR rolcanlogin)`,
      ),
    ).toEqual([]);
  });

  it('has composite foreign keys: a row cannot point at another tenant’s', async () => {
    const loose = await db.sql(`
      SELECT k.conrelid::regclass::text AS of, k.confrelid::regclass::text AS to FROM pg_constraint k
      JOIN pg_attribute x ON x.attrelid = k.conrelid AND x.attname = 'tenant_id'
      JOIN pg_attribute y ON y.attrelid = k.confrelid AND y.attname = 'tenant_id'
      WHERE k.contype = 'f' AND NOT (x.attnum = ANY (k.conkey)) ORDER BY 1`);
    // written by system transactions only: a session is the person's own, and an alert may be of the installation
    expect(loose).toEqual([
      { of: 'csrf_tokens', to: 'sessions' },
      { of: 'notification_deliveries', to: 'alerts' },
    ]);
  });

  it('shows a transaction that names no tenant nothing, and one that names a tenant only its rows', async () => {
    const [a, b] = [newId('tenant'), newId('tenant')];
    for (const [id, name] of [
      [a, 'A'],
      [b, 'B'],
    ])
      await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $2)', [id, name]);
    const names = (tx: { query(sql: string): Promise<{ name: string }[]> }) =>
      tx.query('SELECT name FROM tenants ORDER BY name');
    expect(await db.database.tenant('', names)).toEqual([]);
    expect(await db.database.tenant(a, names)).toEqual([{ name: 'A' }]);
    expect(await db.database.system(names)).toEqual([{ name: 'A' }, { name: 'B' }]);
    expect(await db.database.dataSource.query('SELECT name FROM tenants')).toEqual([]);
  });

  it('refuses to write a row of another tenant', async () => {
    const [mine, theirs] = [newId('tenant'), newId('tenant')];
    for (const id of [mine, theirs]) await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $1)', [id]);
    const insert = (tenantId: string) =>
      db.database.tenant(mine, (tx) =>
        tx.query('INSERT INTO route_hosts (host, tenant_id) VALUES ($1, $2)', [
          `${tenantId}.example.com`,
          tenantId,
        ]),
      );
    await insert(mine);
    await expect(insert(theirs)).rejects.toThrow(/row-level security/);
  });
});
