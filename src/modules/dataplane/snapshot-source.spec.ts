import { CertificateAuthority } from '../../../test/support/certificates.js';
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

  it('reads of a tenant that it knows only what changed, and comes to the same', async () => {
    const tenant = await lb.tenant();
    const host = 'patched.example';
    for (const name of ['a', 'b', 'c']) {
      await lb.pools.create(tenant, { name, algorithm: 'round_robin' });
      for (const i of [1, 2]) await lb.backends.create(tenant, { address: `192.0.2.${i}:80`, pool: name });
    }
    const route = await lb.routes.create(tenant, { host, pool: 'a' });
    const other = await lb.routes.create(tenant, { host: `www.${host}`, pool: 'b' });
    let { version } = await lb.source.changedSince(0);
    const [first, second] = (await lb.backends.list(tenant, { pool: 'a' }, { page: 1, limit: 9 })).items;
    const steps: (() => Promise<unknown>)[] = [
      () => lb.backends.update(tenant, first!.id, { weight: 7 }, null),
      () => lb.backends.update(tenant, first!.id, { pool: 'c', address: '192.0.2.9:80' }, null),
      () => lb.backends.delete(tenant, second!.id, null),
      () => lb.pools.update(tenant, 'c', { name: 'd', health_check: { interval: '42s' } }, null),
      () => lb.pools.create(tenant, { name: 'e', algorithm: 'random' }),
      () => lb.routes.update(tenant, route.id, { features: { split: [{ pool: 'd', weight: 1 }] } }, null),
      () => lb.routes.delete(tenant, other.id, null),
      () => lb.routes.delete(tenant, route.id, null),
      () => lb.pools.delete(tenant, 'a', null),
    ];
    let before = (await lb.source.changedSince(version - 1)).tenants.get(tenant)!;
    for (const [i, step] of steps.entries()) {
      await step();
      const reading = await lb.source.changedSince(version);
      const patched = reading.tenants.get(tenant)!;
      const untouched = patched.pools.filter((pool) => before.pools.includes(pool));
      expect([i, untouched.length >= patched.pools.length - 2]).toEqual([i, true]);
      // what another node reads that knows nothing yet
      expect(patched).toEqual((await lb.fresh().changedSince(0)).tenants.get(tenant));
      ({ version } = reading);
      before = patched;
    }
  });

  it('reads certificates and challenges of a tenant that it knows, and nothing else of it', async () => {
    const tenant = await site('tls.example');
    const authority = await CertificateAuthority.create();
    const { chain, privateKey } = await authority.issue(['tls.example']);
    const first = await lb.source.changedSince(0);
    let { version } = first;
    let before = first.tenants.get(tenant)!;
    const read = async () => {
      const reading = await lb.source.changedSince(version);
      const patched = reading.tenants.get(tenant)!;
      expect([patched.pools, patched.routes]).toEqual([before.pools, before.routes]);
      expect(patched.pools[0]).toBe(before.pools[0]);
      expect(patched).toEqual((await lb.fresh().changedSince(0)).tenants.get(tenant));
      ({ version } = reading);
      before = patched;
      return patched;
    };
    const { id } = await lb.certificates.create(tenant, { certificate: chain, private_key: privateKey });
    expect((await read()).certificates).toMatchObject([{ id, hosts: ['tls.example'] }]);
    await lb.db.sql(
      `INSERT INTO acme_challenges (tenant_id, certificate_id, host, token, key_authorization)
       VALUES ($1, $2, 'tls.example', 'token', 'token.key')`,
      [tenant, id],
    );
    await lb.db.database.tenant(tenant, (tx) => lb.journal.touchConfiguration(tx, tenant, ['hosts']));
    expect((await read()).challenges).toMatchObject([{ host: 'tls.example', token: 'token' }]);
    await lb.certificates.delete(tenant, id, null);
    expect(await read()).not.toHaveProperty('certificates');
  });

  it('reads all of a tenant for which something else than its parts has changed', async () => {
    const tenant = await site('touched.example');
    const { version } = await lb.source.changedSince(0);
    // nobody tells of this one
    await lb.db.sql(`UPDATE backends SET weight = 9 WHERE tenant_id = $1`, [tenant]);
    const object = { type: 'tenant', id: tenant };
    await lb.db.database.tenant(tenant, (tx) =>
      lb.journal.recordConfiguration(tx, {
        tenantId: tenant,
        action: 'tenant.updated',
        message: 'x',
        object,
      }),
    );
    const { tenants } = await lb.source.changedSince(version);
    expect(tenants.get(tenant)!.pools[0]!.backends[0]!.weight).toBe(9);
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
