import { type LoadBalancer, loadBalancer } from '../../../test/support/load-balancer.js';
import type { BackendStats } from '../../common/traffic.js';
import { BackendResponse } from './backends.dto.js';
import '../../../test/support/quiet.js';

const PAGE = { page: 1, limit: 50 };
const stats = (backendId: string, health: BackendStats['health']): BackendStats => ({
  backendId,
  health,
  connections: 3,
  responseTimeMs: 12.5,
  lastCheckAt: new Date(0),
  lastError: null,
  ejected: false,
});

describe('BackendsService', () => {
  let lb: LoadBalancer;
  let tenant: string;
  beforeAll(async () => {
    lb = await loadBalancer();
  });
  afterAll(() => lb.db.close());
  beforeEach(async () => {
    tenant = await lb.tenant();
    for (const name of ['web', 'api']) await lb.pools.create(tenant, { name, algorithm: 'round_robin' });
  });
  const add = (address: string, more: object = {}) =>
    lb.backends.create(tenant, { address, pool: 'web', ...more });

  it('fills in the documented defaults', async () => {
    expect(await add('192.0.2.1:80')).toMatchObject({
      pool: 'web',
      weight: 100,
      region: null,
      admin_state: 'enabled',
      health_check: null,
      version: 1,
    });
  });

  it('takes equal spellings of an address for the same backend', async () => {
    await add('Web.Example.com:80');
    await expect(add('web.example.COM:80')).rejects.toMatchObject({ status: 409, code: 'BACKEND_EXISTS' });
    await add('[2001:db8:0::1]:80');
    await expect(add('[2001:DB8::1]:80')).rejects.toMatchObject({ status: 409 });
    await add('web.example.com:80', { pool: 'api' });
  });

  it('refuses an unknown pool and addresses that the policy forbids, naming the field', async () => {
    await expect(add('192.0.2.1:80', { pool: 'none' })).rejects.toMatchObject({
      status: 422,
      details: [{ field: 'pool' }],
    });
    for (const address of [
      '169.254.169.254:80',
      '[fe80::1]:80',
      '[::ffff:169.254.169.254]:80',
      '0.0.0.0:80',
      '224.0.0.1:80',
    ])
      await expect(async () => add(address)).rejects.toMatchObject({
        status: 422,
        details: [{ field: 'address' }],
      });
  });

  it('allows private addresses only where the installation does', async () => {
    await add('10.0.0.1:80');
    lb.environment.ALLOW_PRIVATE_BACKENDS = false;
    try {
      await expect(async () => add('10.0.0.2:80')).rejects.toMatchObject({ status: 422 });
      await expect(async () => add('localhost:80')).rejects.toMatchObject({ status: 422 });
      await add('93.184.216.34:80');
    } finally {
      lb.environment.ALLOW_PRIVATE_BACKENDS = true;
    }
  });

  it('changes only what is sent, and moves to another pool', async () => {
    const made = await add('192.0.2.1:80', { weight: 5, region: 'eu', health_check: { path: '/up' } });
    const changed = await lb.backends.update(
      tenant,
      made.id,
      { pool: 'api', region: null, health_check: { interval: '30s' } },
      [1],
    );
    expect(changed).toMatchObject({
      pool: 'api',
      weight: 5,
      region: null,
      health_check: { path: '/up', interval: '30s' },
      version: 2,
    });
    expect(await lb.backends.get(tenant, made.id)).toEqual({ ...changed });
    expect(await lb.backends.update(tenant, made.id, { health_check: null }, null)).toMatchObject({
      health_check: null,
    });
  });

  it('answers the check in effect: the pool’s, with what differs', async () => {
    await lb.pools.update(tenant, 'web', { health_check: { path: '/pool', expected_status: 204 } }, null);
    const row = await add('192.0.2.1:80', { health_check: { path: '/own' } });
    const body = BackendResponse.from(row, undefined);
    expect(body.health_check).toMatchObject({ path: '/own', expected_status: 204, interval: '10s' });
    expect(body).toMatchObject({
      status: 'unknown',
      connections: 0,
      response_time_ms: null,
      last_check: null,
    });
    const live = BackendResponse.from(row, stats(row.id, 'healthy'));
    expect(live).toMatchObject({
      status: 'healthy',
      connections: 3,
      response_time_ms: 12.5,
      last_check: '1970-01-01T00:00:00.000Z',
    });
  });

  it('filters by pool, region, admin state and live health, with totals', async () => {
    const a = await add('192.0.2.1:80', { region: 'eu' });
    const b = await add('192.0.2.2:80', { region: 'us', admin_state: 'draining' });
    const c = await add('192.0.2.3:80', { pool: 'api', region: 'eu' });
    lb.live.set(
      new Map([
        [a.id, stats(a.id, 'healthy')],
        [c.id, stats(c.id, 'unhealthy')],
      ]),
    );
    const ids = async (filter: object, health?: BackendStats['health']) => {
      const page = await lb.backends.list(tenant, filter, PAGE, health);
      expect(page.total).toBe(page.items.length);
      return page.items.map((row) => row.id);
    };
    expect(await ids({})).toEqual([a.id, b.id, c.id]);
    expect(await ids({ pool: 'web' })).toEqual([a.id, b.id]);
    expect(await ids({ region: 'eu' })).toEqual([a.id, c.id]);
    expect(await ids({ admin_state: 'draining' })).toEqual([b.id]);
    expect(await ids({ region: 'eu' }, 'unhealthy')).toEqual([c.id]);
    expect(await ids({}, 'unknown')).toEqual([b.id]);
    const second = await lb.backends.list(tenant, {}, { page: 2, limit: 2 });
    expect([second.items.map((r) => r.id), second.total]).toEqual([[c.id], 3]);
  });

  it('refuses a stale version and keeps tenants apart', async () => {
    const made = await add('192.0.2.1:80');
    await lb.backends.update(tenant, made.id, { weight: 2 }, [1]);
    await expect(lb.backends.update(tenant, made.id, { weight: 3 }, [1])).rejects.toMatchObject({
      status: 412,
    });
    await expect(lb.backends.delete(tenant, made.id, [1])).rejects.toMatchObject({ status: 412 });
    const other = await lb.tenant();
    await expect(lb.backends.get(other, made.id)).rejects.toMatchObject({ status: 404 });
    await expect(lb.backends.update(other, made.id, { weight: 3 }, null)).rejects.toMatchObject({
      status: 404,
    });
    await expect(lb.backends.delete(other, made.id, null)).rejects.toMatchObject({ status: 404 });
    await expect(lb.backends.create(other, { address: '192.0.2.9:80', pool: 'web' })).rejects.toMatchObject({
      status: 422,
    });
    await lb.backends.delete(tenant, made.id, [2]);
    await expect(lb.backends.get(tenant, made.id)).rejects.toMatchObject({ status: 404 });
  });
});
