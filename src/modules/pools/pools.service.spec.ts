import { type LoadBalancer, loadBalancer } from '../../../test/support/load-balancer.js';
import '../../../test/support/quiet.js';

const PAGE = { page: 1, limit: 50 };
const web = { name: 'web', algorithm: 'round_robin' as const };

describe('PoolsService', () => {
  let lb: LoadBalancer;
  let tenant: string;
  beforeAll(async () => {
    lb = await loadBalancer();
  });
  afterAll(() => lb.db.close());
  beforeEach(async () => {
    tenant = await lb.tenant();
  });

  it('fills in the documented defaults', async () => {
    const { pool } = await lb.pools.create(tenant, web);
    expect(pool).toMatchObject({
      sticky_sessions: false,
      health_check: {
        enabled: true,
        path: '/health',
        interval: '10s',
        timeout: '3s',
        expected_status: 200,
        rise: 2,
        fall: 3,
      },
      connect_timeout: '5s',
      response_timeout: '30s',
      retries: 2,
      version: 1,
    });
    expect(pool.created_at).toBeInstanceOf(Date);
  });

  it('answers a read as the write that made it did', async () => {
    const made = await lb.pools.create(tenant, web);
    await lb.backends.create(tenant, { address: '192.0.2.1:80', pool: 'web', region: 'eu' });
    const read = await lb.pools.get(tenant, 'web');
    expect(read.pool).toEqual({ ...made.pool });
    expect(read.backends).toMatchObject([
      { address: '192.0.2.1:80', weight: 100, region: 'eu', admin_state: 'enabled' },
    ]);
  });

  it('changes only what is sent, inside the health check too, and counts versions', async () => {
    await lb.pools.create(tenant, { ...web, retries: 5, health_check: { path: '/up' } });
    const { pool } = await lb.pools.update(tenant, 'web', { health_check: { interval: '5s' } }, null);
    expect(pool).toMatchObject({
      retries: 5,
      health_check: { path: '/up', interval: '5s', timeout: '3s' },
      version: 2,
    });
    expect((await lb.pools.get(tenant, 'web')).pool).toEqual({ ...pool });
  });

  it('refuses a timeout beyond the interval, also when only one of them changes', async () => {
    const health_check = { interval: '1s', timeout: '2s' };
    await expect(async () => lb.pools.create(tenant, { ...web, health_check })).rejects.toMatchObject({
      status: 422,
    });
    await lb.pools.create(tenant, web);
    const update = lb.pools.update(tenant, 'web', { health_check: { timeout: '11s' } }, null);
    await expect(update).rejects.toMatchObject({ details: [{ field: 'health_check.timeout' }] });
  });

  it('refuses a name that is taken, for a new pool and for a new name', async () => {
    await lb.pools.create(tenant, web);
    await lb.pools.create(tenant, { ...web, name: 'api' });
    const taken = { status: 409, code: 'POOL_EXISTS' };
    await expect(lb.pools.create(tenant, web)).rejects.toMatchObject(taken);
    await expect(lb.pools.update(tenant, 'api', { name: 'web' }, null)).rejects.toMatchObject(taken);
    const renamed = await lb.pools.update(tenant, 'api', { name: 'api2' }, null);
    expect(renamed.pool.name).toBe('api2');
  });

  it('lets only one of many writers of the same version through', async () => {
    await lb.pools.create(tenant, web);
    const writers = Array.from({ length: 5 }, (_, i) =>
      lb.pools.update(tenant, 'web', { retries: i + 3 }, [1]),
    );
    const results = await Promise.allSettled(writers);
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
    for (const r of results) if (r.status === 'rejected') expect(r.reason).toMatchObject({ status: 412 });
  });

  it('keeps a pool that still has backends or routes, and says which', async () => {
    await lb.pools.create(tenant, web);
    const backend = await lb.backends.create(tenant, { address: '192.0.2.1:80', pool: 'web' });
    const route = await lb.routes.create(tenant, { host: `${tenant.slice(7, 30)}.example.com`, pool: 'web' });
    const refused = lb.pools.delete(tenant, 'web', null);
    await expect(refused).rejects.toMatchObject({
      status: 409,
      message: expect.stringMatching(/192\.0\.2\.1:80.*example\.com/),
    });
    await lb.backends.delete(tenant, backend.id, null);
    await lb.routes.delete(tenant, route.id, null);
    await lb.pools.delete(tenant, 'web', null);
    await expect(lb.pools.get(tenant, 'web')).rejects.toMatchObject({ status: 404 });
  });

  it('keeps a pool that a route splits traffic to', async () => {
    await lb.pools.create(tenant, web);
    await lb.pools.create(tenant, { ...web, name: 'next' });
    const features = { split: [{ pool: 'next', weight: 10 }] };
    await lb.routes.create(tenant, { host: `s-${tenant.slice(7, 30)}.example.com`, pool: 'web', features });
    await expect(lb.pools.delete(tenant, 'next', null)).rejects.toMatchObject({ code: 'POOL_IN_USE' });
  });

  it('never adds a backend to a pool that is being deleted', async () => {
    await lb.pools.create(tenant, web);
    const results = await Promise.allSettled([
      lb.pools.delete(tenant, 'web', null),
      ...[1, 2, 3].map((n) => lb.backends.create(tenant, { address: `192.0.2.${n}:80`, pool: 'web' })),
    ]);
    const deleted = results[0]!.status === 'fulfilled';
    const [{ n }] = (await lb.db.sql('SELECT count(*)::int AS n FROM backends WHERE tenant_id = $1', [
      tenant,
    ])) as [{ n: number }];
    expect(n).toBe(deleted ? 0 : 3);
    for (const r of results) if (r.status === 'rejected') expect([409, 422]).toContain(r.reason.status);
  });

  it('holds the plan’s limit against many creations at once', async () => {
    const free = await lb.tenant('free');
    const many = Array.from({ length: 8 }, (_, i) => lb.pools.create(free, { ...web, name: `p${i}` }));
    const results = await Promise.allSettled(many);
    const page = await lb.pools.list(free, {}, PAGE);
    expect(page.total).toBe(5);
    for (const r of results)
      if (r.status === 'rejected') expect(r.reason).toMatchObject({ code: 'PLAN_LIMIT_REACHED' });
  });

  it('lists by name, filters, pages, and shows nothing of other tenants', async () => {
    const other = await lb.tenant();
    for (const name of ['web-b', 'api', 'web-a']) await lb.pools.create(tenant, { ...web, name });
    await lb.pools.create(tenant, { name: 'web-c', algorithm: 'random' });
    await lb.pools.create(other, { ...web, name: 'web-z' });
    const names = async (filter: object, page = PAGE) =>
      (await lb.pools.list(tenant, filter, page)).items.map((p) => p.pool.name);
    expect(await names({})).toEqual(['api', 'web-a', 'web-b', 'web-c']);
    expect(await names({ namePrefix: 'web-' })).toEqual(['web-a', 'web-b', 'web-c']);
    expect(await names({ namePrefix: 'web-', algorithm: 'random' })).toEqual(['web-c']);
    expect(await names({}, { page: 2, limit: 3 })).toEqual(['web-c']);
    expect((await lb.pools.list(tenant, { namePrefix: '%' }, PAGE)).total).toBe(0);
  });

  it('keeps tenants apart in every verb', async () => {
    const other = await lb.tenant();
    await lb.pools.create(other, web);
    await expect(lb.pools.get(tenant, 'web')).rejects.toMatchObject({ status: 404 });
    await expect(lb.pools.update(tenant, 'web', { retries: 0 }, null)).rejects.toMatchObject({ status: 404 });
    await expect(lb.pools.delete(tenant, 'web', null)).rejects.toMatchObject({ status: 404 });
  });

  it('reads behind the wall even where the statement names another tenant', async () => {
    const other = await lb.tenant();
    await lb.pools.create(other, web);
    // the function enters the tenant that it is given and nothing stays of it on the connection
    await lb.pools.get(other, 'web');
    const rows = await lb.db.database.dataSource.query('SELECT name FROM pools');
    expect(rows).toEqual([]);
  });

  it('writes an audit row and takes one configuration version a change', async () => {
    const version = async () => Number((await lb.db.sql('SELECT version FROM config_state'))[0]!.version);
    const before = await version();
    await lb.pools.create(tenant, web);
    await lb.pools.update(tenant, 'web', { retries: 1 }, null);
    await lb.pools.delete(tenant, 'web', null);
    expect((await version()) - before).toBe(3);
    const rows = await lb.db.sql('SELECT message FROM audit_log WHERE tenant_id = $1 ORDER BY at', [tenant]);
    expect(rows.map((r) => r.message)).toEqual([
      "Pool 'web' created",
      "Pool 'web' updated: retries",
      "Pool 'web' deleted",
    ]);
  });
});
