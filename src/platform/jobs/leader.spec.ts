import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { until } from '../../../test/support/until.js';
import type { Database } from '../database/index.js';
import { Leader } from './leader.js';

describe('the leader', () => {
  let db: TestDatabase;
  const leaders: Leader[] = [];
  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());
  afterEach(async () => {
    for (const leader of leaders.splice(0)) await leader.onModuleDestroy();
  });
  const start = async () => {
    const leader = new Leader(db.database);
    leaders.push(leader);
    await leader.onApplicationBootstrap();
    return leader;
  };

  it('is one of all, and another takes over when it goes', async () => {
    const [first, second] = [await start(), await start()];
    expect([first.isLeader, second.isLeader]).toEqual([true, false]);
    await first.onModuleDestroy();
    await until('the second to lead', () => second.isLeader);
    expect(first.isLeader).toBe(false);
  });

  it('that is frozen before it commits keeps the others waiting for a second, not for ever', async () => {
    let wake!: () => void;
    const frozen = new Promise<void>((ok) => {
      wake = ok;
    });
    const system: typeof db.database.system = (work) =>
      db.database.system(async (tx) => {
        const result = await work(tx);
        await frozen;
        return result;
      });
    const claiming = new Leader({ system } as Database).onApplicationBootstrap();
    await until('its claim', async () => {
      const [row] =
        await db.sql(`SELECT count(*)::int AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.relation = 'leases'::regclass AND l.mode = 'RowExclusiveLock' AND a.state = 'idle in transaction'`);
      return row!.n === 1;
    });
    const other = await start();
    await until('the other to lead', () => other.isLeader);
    wake();
    await claiming;
  });

  it('that lost its lease writes nothing', async () => {
    const leader = await start();
    await until('to lead', () => leader.isLeader);
    await db.sql('CREATE TABLE leader_writes (n int)');
    await db.sql('GRANT ALL ON leader_writes TO veloflux_system');
    const write = () => leader.lead((tx) => tx.query('INSERT INTO leader_writes VALUES (1)'));
    await write();
    await db.sql(
      `UPDATE leases SET holder = 'somebody else', epoch = epoch + 1, expires_at = clock_timestamp() + interval '1 minute'`,
    );
    await expect(write()).rejects.toMatchObject({ status: 503, code: 'NOT_LEADER' });
    expect(await db.sql('SELECT count(*)::int AS n FROM leader_writes')).toEqual([{ n: 1 }]);
    await db.sql(`UPDATE leases SET expires_at = '-infinity'`);
  });
});
