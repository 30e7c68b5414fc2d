import { type LoadBalancer, loadBalancer } from '../../../test/support/load-balancer.js';
import '../../../test/support/quiet.js';

const PAGE = { page: 1, limit: 50 };
let counter = 0;
const domain = () => `d${counter++}.example`;

describe('RoutesService', () => {
  let lb: LoadBalancer;
  let a: string;
  let b: string;
  beforeAll(async () => {
    lb = await loadBalancer();
    a = await lb.tenant();
    b = await lb.tenant();
    for (const tenant of [a, b])
      for (const name of ['web', 'next']) await lb.pools.create(tenant, { name, algorithm: 'round_robin' });
  });
  afterAll(() => lb.db.close());
  const add = (tenant: string, host: string, more: object = {}) =>
    lb.routes.create(tenant, { host, pool: 'web', ...more });
  const owners = (host: string) => lb.db.sql('SELECT tenant_id FROM route_hosts WHERE host = $1', [host]);
  const TAKEN = { status: 409, code: 'HOST_TAKEN' };

  it('keeps host and path in one spelling', async () => {
    const name = domain();
    const route = await add(a, `BÜCHER.${name}`, { path_prefix: '/api/' });
    expect(route).toMatchObject({
      host: `xn--bcher-kva.${name}`,
      path_prefix: '/api',
      pool: 'web',
      ssl_enabled: false,
      features: {},
      version: 1,
    });
    expect(await lb.routes.get(a, route.id)).toEqual(route);
    expect((await lb.routes.list(a, { host: `bücher.${name}` }, PAGE)).total).toBe(1);
  });

  it('refuses an equal route, and tells routes apart by prefix and conditions', async () => {
    const host = domain();
    const match = [{ in: 'header' as const, name: 'X-Beta' }];
    await add(a, host);
    await add(a, host, { path_prefix: '/v1' });
    await add(a, host, { features: { match } });
    await expect(add(a, host, { path_prefix: '/' })).rejects.toMatchObject({
      status: 409,
      code: 'ROUTE_EXISTS',
    });
    const again = add(a, host, { features: { match: [{ in: 'header', name: 'x-beta' }] } });
    await expect(again).rejects.toMatchObject({ code: 'ROUTE_EXISTS' });
  });

  it('gives a host to one tenant until its last route goes', async () => {
    const host = domain();
    const first = await add(a, host);
    const second = await add(a, host, { path_prefix: '/b' });
    await expect(add(b, host, { path_prefix: '/stolen' })).rejects.toMatchObject(TAKEN);
    await lb.routes.delete(a, first.id, null);
    await expect(add(b, host)).rejects.toMatchObject(TAKEN);
    await lb.routes.delete(a, second.id, null);
    expect(await owners(host)).toEqual([]);
    await add(b, host);
    expect(await owners(host)).toEqual([{ tenant_id: b }]);
  });

  it('keeps nothing of a refused claim', async () => {
    const host = domain();
    await expect(add(a, host, { pool: 'none' })).rejects.toMatchObject({
      status: 422,
      details: [{ field: 'pool' }],
    });
    expect(await owners(host)).toEqual([]);
  });

  it('does not let another tenant reach under or over a wildcard', async () => {
    const name = domain();
    await add(a, `*.${name}`);
    await expect(add(b, `login.${name}`)).rejects.toMatchObject(TAKEN);
    await expect(add(b, `*.eu.${name}`)).rejects.toMatchObject(TAKEN);
    await add(a, `login.${name}`);
    await add(b, name); // the wildcard does not stand for the name itself

    const other = domain();
    await add(a, `app.${other}`);
    await expect(add(b, `*.${other}`)).rejects.toMatchObject(TAKEN);
    await add(a, `*.${other}`);
  });

  it('lets one of two tenants that claim a host at once have it', async () => {
    const host = domain();
    const results = await Promise.allSettled([
      add(a, host),
      add(b, host),
      add(a, `x.${host}`),
      add(b, `*.${host}`),
    ]);
    const winners = results.filter((r) => r.status === 'fulfilled');
    expect(winners.length).toBeGreaterThanOrEqual(1);
    const rows = await lb.db.sql(`SELECT DISTINCT tenant_id FROM route_hosts WHERE host = $1`, [host]);
    expect(rows).toHaveLength(1);
    const covered = await lb.db.sql(
      `SELECT count(DISTINCT tenant_id)::int AS n FROM route_hosts WHERE host IN ($1, $2)`,
      [`x.${host}`, `*.${host}`],
    );
    expect(covered).toEqual([{ n: 1 }]);
  });

  it('moves the claim when a route changes its host', async () => {
    const [from, to, taken] = [domain(), domain(), domain()];
    await add(b, taken);
    const route = await add(a, from);
    await expect(lb.routes.update(a, route.id, { host: taken }, null)).rejects.toMatchObject(TAKEN);
    expect(await owners(from)).toEqual([{ tenant_id: a }]);
    const moved = await lb.routes.update(a, route.id, { host: to, path_prefix: '/x' }, [1]);
    expect(moved).toMatchObject({ host: to, path_prefix: '/x', version: 2 });
    expect(await owners(from)).toEqual([]);
  });

  it('changes only what is sent; features are replaced as a whole', async () => {
    const features = { strip_prefix: true, retries: 1 };
    const route = await add(a, domain(), { path_prefix: '/p', ssl_enabled: true, features });
    const pooled = await lb.routes.update(a, route.id, { pool: 'next' }, null);
    expect(pooled).toMatchObject({ pool: 'next', path_prefix: '/p', ssl_enabled: true, features });
    const changed = await lb.routes.update(a, route.id, { features: { retries: 3 } }, null);
    expect(changed.features).toEqual({ retries: 3 });
  });

  it('keeps a split by pool, also when the pool is renamed, and names an unknown one', async () => {
    await lb.pools.create(a, { name: 'canary', algorithm: 'round_robin' });
    const split = [
      { pool: 'web', weight: 90 },
      { pool: 'canary', weight: 10 },
    ];
    const route = await add(a, domain(), { features: { split } });
    await lb.pools.update(a, 'canary', { name: 'green' }, null);
    const read = await lb.routes.get(a, route.id);
    expect(Object.values(read.split_pools).sort()).toEqual(['green', 'web']);
    const unknown = add(a, domain(), { features: { split: [{ pool: 'none', weight: 1 }] } });
    await expect(unknown).rejects.toMatchObject({
      status: 422,
      details: [{ field: 'features.split.0.pool' }],
    });
  });

  it('refuses a stale version and keeps tenants apart in every verb', async () => {
    const route = await add(a, domain());
    await lb.routes.update(a, route.id, { ssl_enabled: true }, [1]);
    await expect(lb.routes.update(a, route.id, { ssl_enabled: false }, [1])).rejects.toMatchObject({
      status: 412,
    });
    await expect(lb.routes.delete(a, route.id, [1])).rejects.toMatchObject({ status: 412 });
    await expect(lb.routes.get(b, route.id)).rejects.toMatchObject({ status: 404 });
    await expect(lb.routes.update(b, route.id, { host: domain() }, null)).rejects.toMatchObject({
      status: 404,
    });
    await expect(lb.routes.delete(b, route.id, null)).rejects.toMatchObject({ status: 404 });
  });

  it('lists by host and prefix, filtered by pool', async () => {
    const tenant = await lb.tenant();
    for (const name of ['web', 'next']) await lb.pools.create(tenant, { name, algorithm: 'random' });
    const name = domain();
    await add(tenant, `b.${name}`);
    await add(tenant, `a.${name}`, { path_prefix: '/z', pool: 'next' });
    await add(tenant, `a.${name}`, { path_prefix: '/a' });
    const list = async (filter: object) =>
      (await lb.routes.list(tenant, filter, PAGE)).items.map((r) => r.host[0] + r.path_prefix);
    expect(await list({})).toEqual(['a/a', 'a/z', 'b/']);
    expect(await list({ pool: 'next' })).toEqual(['a/z']);
  });
});
