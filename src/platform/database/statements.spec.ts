import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import '../../../test/support/quiet.js';
import { Database, prepared, rowsOf, send, together } from './index.js';

const ONE = prepared('SELECT $1::int AS n');
const DIVIDE = prepared('SELECT 1 / $1::int AS n');
const SETTING = prepared(`INSERT INTO csrf_tokens (hash, tenant_id, session_id, expires_at)
  VALUES ($1, 'tenant_of_nobody', 'session_of_nobody', clock_timestamp())`);
const VALUES = prepared('UPDATE settings SET values = values || $1');

describe('statements of one round trip', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db.close());

  const stored = async () => (await db.sql('SELECT values FROM settings'))[0]!.values;

  it('run in their order and answer each its own rows', async () => {
    const all = await db.database.system((tx) => send(tx, [ONE, 1], [DIVIDE, 1], [ONE, 3]));
    expect(all).toEqual([[{ n: 1 }], [{ n: 1 }], [{ n: 3 }]]);
  });

  it('undo what came before one that fails, and throw its error', async () => {
    const work = db.database.system((tx) =>
      send(tx, [VALUES, { sent: 1 }], [DIVIDE, 0], [VALUES, { sent: 2 }]),
    );
    await expect(work).rejects.toMatchObject({ code: '22012' });
    expect(await stored()).not.toHaveProperty('sent');
  });

  it('of parts that run together throw the error that was the cause, when no part runs any more', async () => {
    let ended = false;
    const work = db.database.system(async (tx) => {
      const follower = async () => {
        await rowsOf(tx, ONE, 1).catch(() => undefined);
        await rowsOf(tx, ONE, 2).catch(() => undefined);
        ended = true;
      };
      await together(rowsOf(tx, DIVIDE, 0), follower(), rowsOf(tx, SETTING, 'x'));
    });
    await expect(work).rejects.toMatchObject({ code: '22012' });
    expect(ended).toBe(true);
  });

  it('do nothing when the transaction could not be entered, and tell why', async () => {
    const enter = Database.prototype as unknown as {
      run(this: Database, enter: string, work: (tx: never) => Promise<unknown>): Promise<unknown>;
    };
    const work = enter.run.call(db.database, 'SELECT 1 / 0', (tx) => rowsOf(tx, VALUES, { entered: 1 }));
    await expect(work).rejects.toMatchObject({ code: '22012' });
    expect(await stored()).not.toHaveProperty('entered');
    // the connections are as good as before
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => db.database.system((tx) => rowsOf(tx, ONE, n))),
    );
    expect(answers.map(([row]) => row)).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })));
  });

  it('that end a transaction leave with its commit, and undo it when one fails', async () => {
    const endedBy = (divisor: number) =>
      db.database.system(async (tx) => {
        await rowsOf(tx, VALUES, { kept: divisor });
        const before = () => rowsOf(tx, VALUES, { before: divisor });
        const last = () => together(rowsOf(tx, DIVIDE, divisor), rowsOf(tx, VALUES, { last: divisor }));
        db.database.endWith(
          tx,
          async () => void (await before()),
          async () => void (await last()),
        );
      });
    await expect(endedBy(0)).rejects.toMatchObject({ code: '22012' });
    expect(await stored()).not.toHaveProperty('kept');
    await endedBy(1);
    expect(await stored()).toMatchObject({ kept: 1, before: 1, last: 1 });
    // what is sent behind the commit is a fault of the program
    const late = db.database.system(async (tx) =>
      db.database.endWith(
        tx,
        async () => undefined,
        async () => {
          await rowsOf(tx, ONE, 1);
          await rowsOf(tx, VALUES, { late: 1 });
        },
      ),
    );
    await expect(late).rejects.toThrow('open transaction');
    expect(await stored()).not.toHaveProperty('late');
  });

  it('take no transaction that has ended', async () => {
    const ended = await db.database.system(async (tx) => tx);
    await expect(rowsOf(ended, ONE, 1)).rejects.toThrow('open transaction');
  });
});
