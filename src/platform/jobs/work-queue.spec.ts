import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { until } from '../../../test/support/until.js';
import { connect } from '../database/connect.js';
import { Database } from '../database/index.js';
import { WorkQueue, type WorkQueueOptions } from './work-queue.js';

interface Row {
  id: string;
  attempts: number;
  payload: string;
}

/** The advisory lock that the taking of a slow row waits for. */
const SLOW = 4711;

describe('queued work', () => {
  let db: TestDatabase;
  const queues: WorkQueue<Row>[] = [];
  let table: string;
  let tables = 0;

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());
  beforeEach(async () => {
    table = `work_${++tables}`;
    await db.sql(
      `CREATE TABLE ${table} (id text PRIMARY KEY, payload text NOT NULL DEFAULT '', created_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    );
    await db.sql(`SELECT add_work_columns('${table}')`);
    await db.sql(`CREATE TABLE ${table}_effects (id text)`);
    await db.sql(`GRANT ALL ON ${table}, ${table}_effects TO veloflux_system`);
  });
  afterEach(async () => {
    await Promise.all(queues.splice(0).map((q) => q.stop()));
  });

  const queue = ({
    database = db.database,
    ...options
  }: Partial<WorkQueueOptions<Row>> & Pick<WorkQueueOptions<Row>, 'handle'> & { database?: Database }) => {
    const made = new WorkQueue<Row>(database, db.notifications, {
      table,
      concurrency: 4,
      leaseSeconds: 30,
      maxAttempts: 3,
      backoff: { initialMs: 0, maxMs: 0 },
      ...options,
    });
    queues.push(made);
    return made;
  };
  const enqueue = (q: WorkQueue<Row>, ...ids: string[]) =>
    db.database.system(async (tx) => {
      for (const id of ids) await tx.query(`INSERT INTO ${table} (id) VALUES ($1)`, [id]);
      await q.wake(tx);
    });
  const effect = (row: Row) => (tx: { query(sql: string, values: unknown[]): Promise<unknown> }) =>
    tx.query(`INSERT INTO ${table}_effects VALUES ($1)`, [row.id]).then(() => undefined);
  const rows = () => db.sql(`SELECT id, state, attempts, last_error FROM ${table} ORDER BY id`);
  const allDone = async () => (await rows()).every((r) => r.state === 'done');

  it('has each effect once, with several workers', async () => {
    const handle: WorkQueueOptions<Row>['handle'] = async (row, job) => job.finish(effect(row));
    const [a, b] = [queue({ handle }), queue({ handle })];
    a.start();
    b.start();
    await enqueue(a, ...Array.from({ length: 40 }, (_, i) => `job-${i}`));
    await until('all done', allDone);
    expect(
      await db.sql(`SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM ${table}_effects`),
    ).toEqual([{ n: 40, ids: 40 }]);
  });

  it('is taken side by side: a row that is slow to take holds up no other', async () => {
    const slowClaims = async () => {
      const claims = await db.sql(
        `SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database
         WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted AND objid = ${SLOW}`,
      );
      return claims.length > 0;
    };
    // the first try to take the slow row shall not end by its time limit
    const patient = await connect(db.url, 4, 60_000);
    const done: string[] = [];
    const q = queue({
      database: new Database(patient),
      handle: async (row) => {
        done.push(row.id);
      },
    });
    await db.sql(`CREATE FUNCTION ${table}_slow() RETURNS trigger LANGUAGE plpgsql AS $$
                  BEGIN PERFORM pg_advisory_xact_lock(${SLOW}); RETURN NEW; END $$`);
    await db.sql(`CREATE TRIGGER slow BEFORE UPDATE ON ${table} FOR EACH ROW
                  WHEN (NEW.id = 'slow' AND NEW.state = 'running') EXECUTE FUNCTION ${table}_slow()`);
    await db.sql('SELECT pg_advisory_lock($1)', [SLOW]);
    try {
      await enqueue(q, 'slow');
      q.start();
      await until('the slow row to be in the taking', slowClaims);
      await enqueue(q, 'quick');
      await until('the quick row', () => done.includes('quick'));
    } finally {
      await db.sql('SELECT pg_advisory_unlock($1)', [SLOW]);
    }
    await until('all done', allDone);
    await q.stop();
    await patient.destroy();
  });

  it('is tried again after an error, and given up with the reason after the last try', async () => {
    let tries = 0;
    const dead: string[] = [];
    const q = queue({
      handle: async () => {
        tries++;
        throw new Error('no luck');
      },
      onDead: async (_tx, row) => {
        dead.push(row.id);
      },
    });
    q.start();
    await enqueue(q, 'unlucky');
    await until('given up', async () => (await rows())[0]?.state === 'dead');
    expect({ tries, dead }).toEqual({ tries: 3, dead: ['unlucky'] });
    expect((await rows())[0]).toMatchObject({ last_error: 'no luck', attempts: 3 });
  });

  it('of a worker that died is taken by another, and the dead one can end it no more', async () => {
    let release: () => void = () => undefined;
    let refused: Error | undefined;
    const frozen = queue({
      concurrency: 1, // or it takes the row itself once the lease has run out
      handle: async (row, job) => {
        await new Promise<void>((ok) => {
          release = ok;
        });
        await job.finish(effect(row)).catch((e: Error) => {
          refused = e;
          throw e;
        });
      },
    });
    frozen.start();
    await enqueue(frozen, 'job');
    await until('taken', async () => (await rows())[0]?.state === 'running');
    await db.sql(`UPDATE ${table} SET leased_until = clock_timestamp() - interval '1 second'`);
    const other = queue({ handle: async (row, job) => job.finish(effect(row)) });
    other.start();
    await until('done by the other', allDone);
    release();
    await until('the late one to be refused', () => refused);
    expect(await db.sql(`SELECT id FROM ${table}_effects`)).toEqual([{ id: 'job' }]);
  });

  it('is handed back without counting the try when the node stops', async () => {
    const q = queue({
      handle: (_row, job) =>
        new Promise((_, no) => job.signal.addEventListener('abort', () => no(job.signal.reason))),
    });
    q.start();
    await enqueue(q, 'long');
    await until('taken', async () => (await rows())[0]?.state === 'running');
    await q.stop();
    expect((await rows())[0]).toMatchObject({ state: 'pending', attempts: 0 });
  });

  it('is handed back when the node begins to stop while a row is being taken', async () => {
    let handled = false;
    const q = queue({
      handle: async () => {
        handled = true;
      },
    });
    await db.sql(`INSERT INTO ${table} (id) VALUES ('late')`);
    q.start();
    await q.stop();
    expect({ handled, rows: await rows() }).toMatchObject({
      handled: false,
      rows: [{ state: 'pending', attempts: 0 }],
    });
  });

  it('is shared: nobody has more rows at work than their share, and whoever has the fewest comes first', async () => {
    let open = () => {};
    const gate = new Promise<void>((ok) => {
      open = ok;
    });
    const begun: string[] = [];
    const q = queue({
      concurrency: 3,
      shares: [{ column: 'payload', most: 2 }],
      handle: async (row) => {
        begun.push(row.id);
        if (row.payload === 'hangs') await gate;
        if (row.payload === 'ann') await until('bob’s turn', () => begun.includes('b1'));
      },
    });
    const add = (id: string, whose: string) =>
      db.sql(`INSERT INTO ${table} (id, payload) VALUES ($1, $2)`, [id, whose]);
    for (const id of ['h1', 'h2', 'h3', 'h4']) await add(id, 'hangs');
    for (const id of ['a1', 'a2', 'a3']) await add(id, 'ann');
    await add('b1', 'bob');
    q.start();
    await until('the others to be done', async () =>
      (await rows()).filter((r) => !String(r.id).startsWith('h')).every((r) => r.state === 'done'),
    );
    expect(begun.filter((id) => id.startsWith('h'))).toEqual(['h1', 'h2']);
    open();
    await until('all done', allDone);
  });
});
