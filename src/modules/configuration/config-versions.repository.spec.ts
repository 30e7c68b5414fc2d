import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { ConfigVersionsRepository } from './config-versions.repository.js';

describe('the history of a configuration', () => {
  let db: TestDatabase;
  const versions = new ConfigVersionsRepository();
  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());

  /** In a transaction that has taken `version`. */
  const record = (tenantId: string, version: number, changed: string[] | null) =>
    db.database.tenant(tenantId, async (tx) => {
      await tx.query('UPDATE config_state SET version = $1', [version]);
      await versions.insert(tx, { tenantId, actor_id: null, actor_name: 'test', summary: '', changed });
    });

  let tenants = 0;
  /** A tenant whose two pools were made at version 1 and both changed by every version up to `last`. */
  const history = async (last: number) => {
    const id = `tenant_${++tenants}`;
    await db.sql(`INSERT INTO tenants (id, name, plan) VALUES ($1, $1, 'basic')`, [id]);
    for (const pool of ['a', 'b'])
      await db.sql(
        `INSERT INTO pools (id, tenant_id, name, algorithm, health_check, connect_timeout, response_timeout, retries)
         VALUES ($1 || $2, $1, $2, 'random', '{}', '1s', '1s', 0)`,
        [id, pool],
      );
    for (let version = 1; version <= last; version++) {
      await db.sql('UPDATE pools SET retries = $2 WHERE tenant_id = $1', [id, version]);
      await record(id, version, version % 2 ? null : [`${id}a`, `${id}b`]);
    }
    return id;
  };
  const kept = async (id: string) =>
    (
      await db.sql('SELECT version::int FROM config_versions WHERE tenant_id = $1 ORDER BY version', [id])
    ).map((r) => r.version);
  const entries = async (id: string) =>
    (await db.sql('SELECT count(*)::int AS n FROM config_entries WHERE tenant_id = $1', [id]))[0]!.n;
  const retriesAt = (id: string, version: number) =>
    db.database.tenant(id, async (tx) =>
      (await versions.entriesAt(tx, id, version)).map(({ entry }) => entry.retries),
    );

  it('is each version as it was, told what changed or not', async () => {
    const id = await history(4);
    for (let version = 1; version <= 4; version++)
      expect(await retriesAt(id, version)).toEqual([version, version]);
  });

  it('keeps so many versions, and only the entries that they need', async () => {
    const id = await history(6);
    await db.database.system((tx) => versions.prune(tx, { versions: 3, pastEntries: 1000 }));
    expect(await kept(id)).toEqual([4, 5, 6]);
    expect(await entries(id)).toBe(6);
    expect(await retriesAt(id, 4)).toEqual([4, 4]);
  });

  it('is shorter where every version changed much, and never without the newest version', async () => {
    const id = await history(6);
    await db.database.system((tx) => versions.prune(tx, { versions: 100, pastEntries: 4 }));
    expect([await kept(id), await entries(id)]).toEqual([[4, 5, 6], 6]);
    await db.database.system((tx) => versions.prune(tx, { versions: 100, pastEntries: 0 }));
    expect([await kept(id), await entries(id)]).toEqual([[6], 2]);
    expect(await retriesAt(id, 6)).toEqual([6, 6]);
  });

  it('writes nothing for what did not change', async () => {
    const id = await history(1);
    await record(id, 2, null);
    await record(id, 3, [`${id}a`]);
    expect([await kept(id), await entries(id)]).toEqual([[1, 2, 3], 2]);
  });
});
