import fc from 'fast-check';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Case, casesOf } from './arbitraries.js';
import type { Answer } from './call.js';
import { type Operation, operations } from './document.js';
import { faultsOf, type Prepared, prepare, send } from './run.js';
import { World } from './world.js';

/** `npm run fuzz` sets them; without: a short form without the aliases, which have the same handlers. */
const CASES = Number(process.env.VELOFLUX_FUZZ_CASES ?? 4);
const SECONDS = Number(process.env.VELOFLUX_FUZZ_SECONDS ?? 2);
const ONLY = process.env.VELOFLUX_FUZZ_OPERATION;
const PATH = process.env.VELOFLUX_FUZZ_PATH;
const FULL = process.env.VELOFLUX_FUZZ_CASES !== undefined;
/** CI asks the same every time; looking for what nobody has thought of is `npm run fuzz`. */
const SEED = Number(process.env.VELOFLUX_FUZZ_SEED ?? (FULL ? Date.now() % 2 ** 31 : 20_261_122));

/** After these the tenant, its person or the installation's settings are not what the next operation stands on. */
const LEAVES_A_MESS =
  /Auth_changePassword|Auth_login|Tenants_update|restore|Settings_update|AdminListener_update|import|Bulk_|TenantUsers|Subscriptions|Billing_upgrade|_create/;

const wanted = operations.filter((o) => (ONLY ? new RegExp(`^(${ONLY})$`).test(o.id) : FULL || !o.alias));
const curl = ({ call }: Prepared): string =>
  `${call.method} ${call.url}\n${JSON.stringify({ ...call.headers, authorization: call.headers?.authorization && '…' })}\n${call.body?.slice(0, 3000) ?? ''}`;

describe(`requests made from the document, seed ${SEED}`, () => {
  let database: TestDatabase;
  let server: TestServer;
  let world: World;
  let settings: object;
  /** Query parameters by whether a request that had them was accepted, or one that was valid was refused for them. */
  const taken = new Set<string>();
  const refused = new Set<string>();
  const statuses = new Map<string, Map<string, number>>();

  beforeAll(async () => {
    database = await testDatabase();
    server = await startServer({ env: { DATABASE_URL: database.url } });
    world = await World.create(server);
    settings = await world.ask('GET', '/api/settings', 'superadmin');
  }, 90_000);
  afterAll(async () => {
    if (FULL) report();
    await server.stop();
    await database.close();
  }, 60_000);

  const renew = async () => {
    await world.dispose();
    world = await World.create(server);
  };

  async function tidy(operation: Operation): Promise<void> {
    if (/Settings_update|AdminListener_update/.test(operation.id))
      await world.ask('POST', '/api/settings', 'superadmin', settings);
    if (/drain/.test(operation.id)) await world.ask('POST', '/api/system/undrain', 'superadmin');
    if (/Realtime_control/.test(operation.id))
      await world.ask('POST', '/api/ws/control', 'superadmin', { action: 'resume' }).catch(() => undefined);
    if (LEAVES_A_MESS.test(operation.id)) await renew();
  }

  async function answerOf(operation: Operation, given: Case): Promise<[Prepared, Answer]> {
    const prepared = await prepare(operation, given, world);
    const answer = await send(prepared.call);
    const signedIn = world.who(given.actor, operation) !== undefined;
    if (answer.status !== 401 || !signedIn) return [prepared, answer];
    world.forgetSessions(); // an earlier case ended it
    const again = await prepare(operation, given, world);
    return [again, await send(again.call)];
  }

  async function holds(operation: Operation, given: Case): Promise<void> {
    const [prepared, answer] = await answerOf(operation, given);
    count(operation, answer);
    if (operation.method === 'DELETE' || answer.status === 404)
      for (const kind of prepared.named) world.forget(kind);
    const endsSession = /logout|changePassword/.test(operation.id) && answer.status < 300;
    if (endsSession) world.forgetSessions();
    if (answer.status === 423 || (endsSession && /changePassword/.test(operation.id))) await renew();
    noteQuery(operation, given, prepared, answer);
    const faults = faultsOf(operation, prepared, answer);
    if (server.process.exitCode !== null) faults.push('the server is gone');
    if (faults.length)
      throw new Error(
        `${faults.join('\n')}\n${curl(prepared)}\n→ ${answer.status} ${JSON.stringify(answer.headers['content-type'])} ${answer.text.slice(0, 1500)}`,
      );
  }

  function noteQuery(
    { id }: Operation,
    { query }: Case,
    { invalid }: Prepared,
    { status, text }: Answer,
  ): void {
    for (const [name] of query) {
      if (status < 300) taken.add(`${id}?${name}`);
      if (status === 422 && !invalid && text.includes(`"field":"${name}"`)) refused.add(`${id}?${name}`);
    }
  }

  function count(operation: Operation, { status, text }: Answer): void {
    const of = statuses.get(operation.id) ?? new Map<string, number>();
    const key = status >= 500 ? `${status} ${/"code":\s*"(\w+)"/.exec(text)?.[1] ?? ''}` : String(status);
    of.set(key, (of.get(key) ?? 0) + 1);
    statuses.set(operation.id, of);
  }

  function report(): void {
    const lines = [...statuses].map(([id, of]) => {
      const sum = [...of.values()].reduce((a, b) => a + b, 0);
      const list = [...of].sort().map(([status, n]) => `${status}×${n}`);
      return `${id.padEnd(36)} ${String(sum).padStart(5)}  ${list.join('  ')}`;
    });
    const all = [...statuses.values()].flatMap((of) => [...of.values()]).reduce((a, b) => a + b, 0);
    process.stdout.write(
      `${lines.join('\n')}\n${all} requests to ${statuses.size} operations, seed ${SEED}\n`,
    );
    const never = [...refused].filter((one) => !taken.has(one));
    if (never.length) process.stdout.write(`documented, but never accepted: ${never.join(', ')}\n`);
    if (world.failures.size) process.stdout.write(`not made: ${JSON.stringify([...world.failures])}\n`);
  }

  it.each(wanted.map((o) => [o.id, o] as const))(
    '%s',
    async (_id, operation) => {
      const property = fc.asyncProperty(casesOf(operation), (given) => holds(operation, given));
      const outcome = await fc.check(property, {
        numRuns: CASES,
        seed: SEED,
        path: PATH,
        interruptAfterTimeLimit: SECONDS * 1000,
        markInterruptAsFailure: false,
      });
      await tidy(operation);
      if (outcome.failed)
        throw new Error(
          `${String((outcome.errorInstance as Error | undefined)?.message)}\n\nagain: npm run fuzz -- --operation ${operation.id} --seed ${SEED} --cases ${CASES} --path ${outcome.counterexamplePath}`,
        );
    },
    SECONDS * 1000 + 60_000,
  );
});
