import { EventEmitter, once } from 'node:events';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Operation, operations } from './document.js';
import { type Effort, Lane } from './lane.js';
import { Tally } from './tally.js';
import { WEBHOOK_SECRET } from './world.js';

/** `npm run fuzz` sets them; without: a short form without the aliases, which have the same handlers. */
const FULL = process.env.VELOFLUX_FUZZ_CASES !== undefined;
const ONLY = process.env.VELOFLUX_FUZZ_OPERATION;
const LANES = Number(process.env.VELOFLUX_FUZZ_LANES ?? 4);
const EFFORT: Effort = {
  cases: Number(process.env.VELOFLUX_FUZZ_CASES ?? 4),
  seconds: Number(process.env.VELOFLUX_FUZZ_SECONDS ?? 2),
  // CI asks the same every time; looking for what nobody has thought of is `npm run fuzz`
  seed: Number(process.env.VELOFLUX_FUZZ_SEED ?? (FULL ? Date.now() % 2 ** 31 : 20_261_122)),
  path: process.env.VELOFLUX_FUZZ_PATH,
};

/** These change the whole installation under every tenant's feet, so nothing else runs beside them. */
const ALONE = /^(Backups|Settings_update|AdminListener_update|SystemDrain|Realtime_control)/;

const wanted = operations.filter((o) => (ONLY ? new RegExp(`^(${ONLY})$`).test(o.id) : FULL || !o.alias));

describe(`requests made from the document, seed ${EFFORT.seed}`, () => {
  let database: TestDatabase;
  let server: TestServer;
  const tally = new Tally();
  const lanes: Lane[] = [];
  const seconds = new Map<string, number>();
  const ended = new EventEmitter();
  const outcomes = new Map<string, Error | undefined>();
  let started = 0;

  beforeAll(async () => {
    database = await testDatabase();
    server = await startServer({
      env: { DATABASE_URL: database.url, STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET },
    });
    started = performance.now();
    void everything();
  }, 90_000);
  afterAll(async () => {
    if (FULL) report();
    await server.stop();
    await database.close();
  }, 60_000);

  /** The ones that need the installation for themselves, then the others side by side, writes first: they take longer. */
  async function everything(): Promise<void> {
    const [alone, shared] = [wanted.filter((o) => ALONE.test(o.id)), wanted.filter((o) => !ALONE.test(o.id))];
    await lane(alone);
    const queue = [...shared.filter((o) => o.method !== 'GET'), ...shared.filter((o) => o.method === 'GET')];
    await Promise.all(Array.from({ length: Math.min(LANES, queue.length) }, () => lane(queue)));
  }

  async function lane(queue: Operation[]): Promise<void> {
    let open: Lane | undefined;
    for (let operation = queue.shift(); operation; operation = queue.shift()) {
      const since = performance.now();
      try {
        open ??= await openLane();
        await open.run(operation, EFFORT);
        outcomes.set(operation.id, undefined);
      } catch (e) {
        outcomes.set(operation.id, e as Error);
      }
      seconds.set(operation.id, (performance.now() - since) / 1000);
      ended.emit(operation.id);
    }
  }

  async function openLane(): Promise<Lane> {
    const open = await Lane.open(server, tally);
    lanes.push(open);
    return open;
  }

  function report(): void {
    const took = (performance.now() - started) / 1000;
    const missing = new Map(lanes.flatMap((one) => [...one.failures]));
    process.stdout.write(
      `${tally.report(seconds)}\n${missing.size ? `not made: ${JSON.stringify([...missing])}\n` : ''}${tally.requests} requests to ${seconds.size} operations in ${took.toFixed(0)} s, seed ${EFFORT.seed}\n`,
    );
  }

  it.each(wanted.map((o) => [o.id] as const))(
    '%s',
    async (id) => {
      if (!outcomes.has(id)) await once(ended, id);
      const fault = outcomes.get(id);
      if (fault) throw fault;
    },
    wanted.length * (EFFORT.seconds + 2) * 1000 + 60_000,
  );
});
