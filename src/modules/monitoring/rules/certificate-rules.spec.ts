import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import { newId } from '../../../common/ids.js';
import type { Leader } from '../../../platform/jobs/index.js';
import type { Secrets } from '../../../platform/security/index.js';
import { CertificatesReadModel } from '../../certificates/index.js';
import { AlertsRepository } from '../alerts/alerts.repository.js';
import type { AlertsService } from '../alerts/alerts.service.js';
import { CertificateRules } from './certificate-rules.js';

describe('CertificateRules', () => {
  const repository = new AlertsRepository();
  let db: TestDatabase;
  let rules: CertificateRules;
  let fired: number;

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  beforeEach(async () => {
    await db.sql('TRUNCATE alerts, certificates CASCADE');
    fired = 0;
    const alerts = {
      fire: (report: never) => {
        fired++;
        return db.database.system((tx) => repository.fire(tx, report));
      },
      resolve: (fingerprint: string) => db.database.system((tx) => repository.resolve(tx, fingerprint)),
    } as unknown as AlertsService;
    rules = new CertificateRules(
      {} as Leader,
      db.database,
      new CertificatesReadModel({} as Secrets),
      alerts,
      repository,
    );
  });
  afterAll(() => db.close());

  /** A certificate that ends in so many days. */
  const certificate = async (
    days: number,
    { life = 90, source = 'upload', error = null as string | null } = {},
  ): Promise<string> => {
    const [id, tenant] = [newId('cert'), newId('tenant')];
    await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $1)', [tenant]);
    await db.sql(
      `INSERT INTO certificates (id, tenant_id, source, hosts, chain, private_key, not_before, not_after, acme_state, acme_error)
       VALUES ($1, $2, $3, '{a.example}', '', '', clock_timestamp() + make_interval(days => $4::int - $5::int),
               clock_timestamp() + make_interval(days => $4::int), $6, $7)`,
      [id, tenant, source, days, life, source === 'acme' ? 'issued' : null, error],
    );
    return id;
  };
  const firing = async (): Promise<unknown[]> =>
    (
      await db.sql(`SELECT severity || ' ' || (labels ->> 'certificate_id') AS text FROM alerts
                    WHERE state = 'firing' ORDER BY 1`)
    ).map((row) => row.text);

  it('warns 30 days before the end and once more 7 days before, each once', async () => {
    await certificate(31);
    const soon = await certificate(29);
    const verySoon = await certificate(6);
    const expired = await certificate(-1);
    await rules.check();
    await rules.check();
    const expected = [soon, verySoon, expired].map((id) => `WARNING ${id}`);
    expected.push(...[verySoon, expired].map((id) => `CRITICAL ${id}`));
    expect(await firing()).toEqual(expected.sort());
    expect(fired).toBe(5);
    const [{ message }] = (await db.sql(
      `SELECT message FROM alerts WHERE labels ->> 'certificate_id' = $1 LIMIT 1`,
      [expired],
    )) as [{ message: string }];
    expect(message).toMatch(/^The certificate of a\.example expired on \d{4}-\d{2}-\d{2}$/);
  });

  it('ends the alert when the certificate is replaced or deleted', async () => {
    const [replaced, deleted] = [await certificate(3), await certificate(3)];
    await rules.check();
    expect(await firing()).toHaveLength(4);
    await db.sql(`UPDATE certificates SET not_after = clock_timestamp() + interval '80 days' WHERE id = $1`, [
      replaced,
    ]);
    await db.sql('DELETE FROM certificates WHERE id = $1', [deleted]);
    await rules.check();
    expect(await firing()).toEqual([]);
  });

  it('leaves an automatic one alone while its renewal is only due, and says why one fails', async () => {
    await certificate(28, { source: 'acme' });
    const failing = await certificate(28, { source: 'acme', error: 'the proof failed' });
    const late = await certificate(5, { source: 'acme' });
    await rules.check();
    expect(await firing()).toEqual([`CRITICAL ${late}`, `WARNING ${failing}`]);
    const rows = await db.sql(
      `SELECT message FROM alerts WHERE message LIKE '%its renewal fails: the proof failed'`,
    );
    expect(rows).toHaveLength(1);
  });

  it('does not begin at the start of a short life', async () => {
    await certificate(6, { life: 7 });
    await rules.check();
    expect(await firing()).toEqual([]);
  });
});
