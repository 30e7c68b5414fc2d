import { type LoadBalancer, loadBalancer } from '../../../test/support/load-balancer.js';
import '../../../test/support/quiet.js';

describe('SnapshotSource', () => {
  let lb: LoadBalancer;
  beforeAll(async () => {
    lb = await loadBalancer();
  });
  afterAll(() => lb.db.close());

  const site = async (host: string) => {
    const tenant = await lb.tenant();
    await lb.pools.create(tenant, { name: 'web', algorithm: 'round_robin' });
    await lb.backends.create(tenant, { address: '192.0.2.1:80', pool: 'web' });
    await lb.routes.create(tenant, { host, pool: 'web' });
    return tenant;
  };

  it('reads every tenant from nothing, and later only those that changed', async () => {
    const a = await site('a1.example');
    const b = await site('b1.example');
    const all = await lb.source.changedSince(0);
    expect(all.tenants.get(a)!.routes.map((r) => r.host)).toEqual(['a1.example']);
    expect(all.tenants.get(b)!.pools[0]!.backends).toHaveLength(1);

    await lb.pools.update(b, 'web', { algorithm: 'random' }, null);
    const next = await lb.source.changedSince(all.version);
    expect(next.version).toBe(all.version + 1);
    expect([...next.tenants.keys()]).toEqual([b]);
    expect(next.tenants.get(b)!.pools[0]!.algorithm).toBe('random');
    expect((await lb.source.changedSince(next.version)).tenants.size).toBe(0);
  });

  it('answers an empty slice for a tenant that has nothing left', async () => {
    const tenant = await lb.tenant();
    await lb.pools.create(tenant, { name: 'web', algorithm: 'round_robin' });
    const { version } = await lb.source.changedSince(0);
    await lb.pools.delete(tenant, 'web', null);
    const { tenants } = await lb.source.changedSince(version);
    expect(tenants.get(tenant)).toEqual({ tenantId: tenant, pools: [], routes: [] });
  });

  it('leaves out the routes of a suspended tenant', async () => {
    const tenant = await site('suspended.example');
    await lb.db.sql(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, [tenant]);
    const { tenants } = await lb.source.changedSince(0);
    expect(tenants.get(tenant)!.routes).toEqual([]);
  });

  it('sees a version only together with everything that belongs to it', async () => {
    const tenant = await lb.tenant();
    await lb.pools.create(tenant, { name: 'web', algorithm: 'round_robin' });
    let { version } = await lb.source.changedSince(0);
    const writes = (async () => {
      for (let weight = 1; weight <= 20; weight++)
        await lb.backends.create(tenant, { address: `192.0.2.${weight}:80`, pool: 'web', weight });
    })();
    const start = version;
    while (version < start + 20) {
      const reading = await lb.source.changedSince(version);
      const slice = reading.tenants.get(tenant);
      if (slice) expect(slice.pools[0]!.backends).toHaveLength(reading.version - start);
      version = reading.version;
    }
    await writes;
  });

  it('makes every tenant new for all nodes on a reload', async () => {
    const tenant = await site('reload.example');
    const { version } = await lb.source.changedSince(0);
    await lb.source.markAllChanged();
    const reading = await lb.source.changedSince(version);
    expect(reading.version).toBe(version + 1);
    expect(reading.tenants.has(tenant)).toBe(true);
  });
});
