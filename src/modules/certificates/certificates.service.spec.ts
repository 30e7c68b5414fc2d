import { CertificateAuthority, type CertificateOptions } from '../../../test/support/certificates.js';
import { type LoadBalancer, loadBalancer } from '../../../test/support/load-balancer.js';
import type { AppError } from '../../common/errors.js';
import { CertificateResponse } from './certificates.dto.js';
import '../../../test/support/quiet.js';

describe('certificates', () => {
  let lb: LoadBalancer;
  let ca: CertificateAuthority;
  beforeAll(async () => {
    [lb, ca] = await Promise.all([loadBalancer(), CertificateAuthority.create()]);
  }, 60_000);
  afterAll(() => lb.db.close());

  const tenantWith = async (...hosts: string[]): Promise<string> => {
    const tenant = await lb.tenant();
    await lb.pools.create(tenant, { name: 'web', algorithm: 'round_robin' });
    await lb.backends.create(tenant, { address: '192.0.2.1:80', pool: 'web' });
    for (const host of hosts) await lb.routes.create(tenant, { host, pool: 'web' });
    return tenant;
  };
  const issue = async (hosts: string[], options?: CertificateOptions) => {
    const { chain, privateKey } = await ca.issue(hosts, options);
    return { certificate: chain, private_key: privateKey };
  };
  const served = async (tenant: string) => {
    const { tenants } = await lb.source.changedSince(0);
    return tenants.get(tenant)!.certificates?.map(({ id, hosts }) => [id, hosts]) ?? [];
  };
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const error = (await work.then(
      () => null,
      (e: unknown) => e,
    )) as AppError;
    return `${error.status} ${error.code} ${error.message}`;
  };
  const page = { page: 1, limit: 50 };

  it('an uploaded one is in the next snapshot, with its key; answers have none', async () => {
    const tenant = await tenantWith('up.example');
    const pair = await issue(['up.example', 'www.up.example']);
    const row = await lb.certificates.create(tenant, pair);
    expect(await served(tenant)).toEqual([[row.id, ['up.example']]]);
    const { tenants } = await lb.source.changedSince(0);
    expect(tenants.get(tenant)!.certificates![0]).toMatchObject({
      chain: pair.certificate,
      privateKey: pair.private_key,
    });
    const answer = CertificateResponse.from(row);
    expect(answer).toMatchObject({
      source: 'upload',
      status: 'active',
      days_left: 89,
      order: null,
      version: 1,
    });
    expect(answer.hosts).toEqual(['up.example', 'www.up.example']);
    expect(JSON.stringify([row, answer])).not.toMatch(/PRIVATE KEY|v1\./);
  });

  it('the key is encrypted at rest and in no audit row', async () => {
    const tenant = await tenantWith('secret.example');
    const pair = await issue(['secret.example']);
    await lb.certificates.create(tenant, pair);
    const body = pair.private_key.split('\n')[1]!;
    const rows = await lb.db.sql('SELECT * FROM certificates WHERE tenant_id = $1', [tenant]);
    const audit = await lb.db.sql(
      `SELECT * FROM audit_log WHERE tenant_id = $1 AND action LIKE 'certificate.%'`,
      [tenant],
    );
    expect(audit.map(({ action }) => action)).toEqual(['certificate.uploaded']);
    expect(JSON.stringify([rows, audit])).not.toContain(body);
  });

  it('is for hosts of the own routes only', async () => {
    const [mine] = [await tenantWith('mine.example', '*.wild.example'), await tenantWith('theirs.example')];
    expect(await refusal(lb.certificates.create(mine, await issue(['theirs.example'])))).toMatch(
      /^422 .*served by none of your routes/,
    );
    const both = await issue(['mine.example', 'theirs.example', 'a.wild.example']);
    expect(await refusal(lb.certificates.create(mine, { ...both, hosts: ['theirs.example'] }))).toMatch(
      /^422 .*no route has 'theirs\.example'/,
    );
    expect(await refusal(lb.certificates.create(mine, { ...both, hosts: ['b.wild.example'] }))).toMatch(
      /^422 .*'b\.wild\.example' is none/,
    );
    const row = await lb.certificates.create(mine, both);
    expect(await served(mine)).toEqual([[row.id, ['mine.example', 'a.wild.example']]]);
  });

  it('of several that hold a name the newest is served; deleting it brings the older one back', async () => {
    const tenant = await tenantWith('twice.example');
    const first = await lb.certificates.create(tenant, await issue(['twice.example']));
    const second = await lb.certificates.create(tenant, await issue(['twice.example']));
    expect(await served(tenant)).toEqual([[second.id, ['twice.example']]]);
    await lb.certificates.delete(tenant, second.id, null);
    expect(await served(tenant)).toEqual([[first.id, ['twice.example']]]);
  });

  it('replacing keeps the id, counts the version, and honours If-Match', async () => {
    const tenant = await tenantWith('again.example');
    const row = await lb.certificates.create(tenant, await issue(['again.example']));
    expect(
      await refusal(lb.certificates.replace(tenant, row.id, await issue(['again.example']), [7])),
    ).toMatch(/^412/);
    const replaced = await lb.certificates.replace(tenant, row.id, await issue(['again.example']), [1]);
    expect(replaced).toMatchObject({ id: row.id, version: 2 });
    expect(replaced.fingerprint).not.toBe(row.fingerprint);
  });

  it('is nobody else’s to see, replace or delete', async () => {
    const [mine, other] = [await tenantWith('own.example'), await tenantWith()];
    const { id } = await lb.certificates.create(mine, await issue(['own.example']));
    expect(await refusal(lb.certificates.get(other, id))).toMatch(/^404/);
    expect(await refusal(lb.certificates.replace(other, id, await issue(['own.example']), null))).toMatch(
      /^404/,
    );
    expect(await refusal(lb.certificates.delete(other, id, null))).toMatch(/^404/);
    expect((await lb.certificates.list(other, {}, page)).total).toBe(0);
    expect(
      (await lb.certificates.list(mine, { host: 'OWN.example' }, page)).items.map((row) => row.id),
    ).toEqual([id]);
    expect((await lb.certificates.list(mine, { host: 'else.example' }, page)).total).toBe(0);
  });

  it('stops being served when its host’s last route goes', async () => {
    const tenant = await tenantWith('gone.example', 'stays.example');
    await lb.certificates.create(tenant, await issue(['gone.example']));
    const [route] = (await lb.routes.list(tenant, { host: 'gone.example' }, page)).items;
    await lb.routes.delete(tenant, route!.id, null);
    expect(await served(tenant)).toEqual([]);
  });

  it('one whose key this node cannot decrypt is left out, and the rest is served', async () => {
    const tenant = await tenantWith('lost.example', 'kept.example');
    const lost = await lb.certificates.create(tenant, await issue(['lost.example']));
    const kept = await lb.certificates.create(tenant, await issue(['kept.example']));
    await lb.db.sql(`UPDATE certificates SET private_key = 'v1.AAAA' WHERE id = $1`, [lost.id]);
    expect(await served(tenant)).toEqual([[kept.id, ['kept.example']]]);
  });

  it('an automatic one needs hosts of the own routes, no wildcard and no key', async () => {
    const tenant = await tenantWith('auto.example', '*.many.example');
    const create = (body: Parameters<typeof lb.certificates.create>[1]) =>
      refusal(lb.certificates.create(tenant, { acme: true, ...body }));
    expect(await create({})).toMatch(/^422 .*at least one host/);
    expect(await create({ hosts: ['*.many.example'] })).toMatch(/^422 .*wildcards/);
    expect(await create({ hosts: ['other.example'] })).toMatch(/^422 .*no route has/);
    expect(await create({ hosts: ['not a host'] })).toMatch(/^422 .*must be host names/);
    expect(await create({ hosts: ['auto.example'], private_key: 'x' })).toMatch(
      /^422 .*must not come with acme/,
    );
    const row = await lb.certificates.create(tenant, {
      acme: true,
      hosts: ['Auto.example', 'x.many.example'],
    });
    expect(CertificateResponse.from(row)).toMatchObject({
      source: 'acme',
      status: 'pending',
      hosts: ['auto.example', 'x.many.example'],
      not_after: null,
      days_left: null,
      order: { state: 'pending', failed_attempts: 0, error: null },
    });
    expect(await served(tenant)).toEqual([]);
    expect(
      await refusal(lb.certificates.replace(tenant, row.id, await issue(['auto.example']), null)),
    ).toMatch(/^409 CERTIFICATE_MANAGED/);
  });

  it('without certificate or key, what is missing is named', async () => {
    const tenant = await tenantWith('missing.example');
    expect(await refusal(lb.certificates.create(tenant, {}))).toMatch(/^422 .*certificate must be given/);
    expect(await refusal(lb.certificates.create(tenant, { certificate: 'x' }))).toMatch(/^422 .*private_key/);
  });
});
