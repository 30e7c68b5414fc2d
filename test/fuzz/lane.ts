import fc from 'fast-check';
import type { TestServer } from '../support/server.js';
import { type Case, casesOf } from './arbitraries.js';
import { type Answer, send } from './call.js';
import type { Operation } from './document.js';
import { faultsOf, type Prepared, prepare } from './run.js';
import type { Tally } from './tally.js';
import { World } from './world.js';

/** Afterwards the tenant or its person is not what the next operation stands on. */
const LEAVES_A_MESS =
  /Auth_changePassword|Auth_login|Tenants_update|restore|Settings_update|AdminListener_update|import|Bulk_|TenantUsers|Subscriptions|Billing_upgrade|_create/;

export interface Effort {
  readonly cases: number;
  /** Of each operation. */
  readonly seconds: number;
  readonly seed: number;
  /** Where fast-check shall go on, as an earlier failure printed it. */
  readonly path?: string;
}

const curl = ({ call }: Prepared): string =>
  `${call.method} ${call.url}\n${JSON.stringify({ ...call.headers, authorization: call.headers?.authorization && '…' })}\n${call.body?.slice(0, 3000) ?? ''}`;

/** One operation after the other, one case after the other, on a tenant of its own: lanes do not meet. */
export class Lane {
  private constructor(
    private readonly server: TestServer,
    private readonly tally: Tally,
    private world: World,
    private readonly settings: object,
  ) {}

  static async open(server: TestServer, tally: Tally): Promise<Lane> {
    const world = await World.create(server);
    return new Lane(server, tally, world, await world.ask('GET', '/api/settings', 'superadmin'));
  }

  private readonly earlier = new Map<string, string>();

  /** What could not be made, and why. */
  get failures(): ReadonlyMap<string, string> {
    return new Map([...this.earlier, ...this.world.failures]);
  }

  /** @throws with the smallest failing request and how to send it again */
  async run(operation: Operation, effort: Effort): Promise<void> {
    let last: Promise<void> = Promise.resolve();
    const property = fc.asyncProperty(casesOf(operation), (given) => {
      last = this.holds(operation, given);
      return last;
    });
    const outcome = await fc.check(property, {
      numRuns: effort.cases,
      seed: effort.seed,
      path: effort.path,
      interruptAfterTimeLimit: effort.seconds * 1000,
      markInterruptAsFailure: false,
    });
    // the time limit leaves a request behind, which must not change what the next operation stands on
    const late = await last.then(
      () => undefined,
      (e: Error) => e.message,
    );
    await this.tidy(operation);
    // fast-check calls it a failure, too, when the time was over within the first case
    const failed = outcome.counterexample !== null;
    if (!failed && outcome.interrupted) this.tally.noteShort(operation, outcome.numRuns, effort.cases);
    const found = failed ? String((outcome.errorInstance as Error | undefined)?.message) : late;
    const path = outcome.counterexamplePath ? ` --path ${outcome.counterexamplePath}` : '';
    if (found)
      throw new Error(
        `${found}\n\nagain: npm run fuzz -- --operation ${operation.id} --seed ${effort.seed} --cases ${effort.cases}${path}`,
      );
  }

  private async renew(): Promise<void> {
    for (const [kind, why] of this.world.failures) this.earlier.set(kind, why);
    this.world = await this.world.successor();
  }

  private async tidy(operation: Operation): Promise<void> {
    const { world } = this;
    if (/Settings_update|AdminListener_update/.test(operation.id))
      await world.ask('POST', '/api/settings', 'superadmin', this.settings);
    if (/drain/.test(operation.id)) await world.ask('POST', '/api/system/undrain', 'superadmin');
    if (/Realtime_control/.test(operation.id))
      await world.ask('POST', '/api/ws/control', 'superadmin', { action: 'resume' }).catch(() => undefined);
    if (LEAVES_A_MESS.test(operation.id)) await this.renew();
  }

  private async answerOf(operation: Operation, given: Case): Promise<[Prepared, Answer]> {
    const prepared = await prepare(operation, given, this.world);
    const answer = await send(prepared.call);
    const signedIn = this.world.who(given.actor, operation) !== undefined;
    if (answer.status !== 401 || !signedIn) return [prepared, answer];
    this.world.forgetSessions(); // an earlier case ended it
    const again = await prepare(operation, given, this.world);
    return [again, await send(again.call)];
  }

  private async holds(operation: Operation, given: Case): Promise<void> {
    const [prepared, answer] = await this.answerOf(operation, given);
    this.tally.note(operation, given, prepared, answer);
    await this.keepUp(operation, prepared, answer);
    const faults = faultsOf(operation, prepared, answer);
    if (this.server.process.exitCode !== null) faults.push('the server is gone');
    if (faults.length)
      throw new Error(
        `${faults.join('\n')}\n${curl(prepared)}\n→ ${answer.status} ${JSON.stringify(answer.headers['content-type'])} ${answer.text.slice(0, 1500)}`,
      );
  }

  /** What the answer means for the world that the next case stands on. */
  private async keepUp({ id, method }: Operation, { named }: Prepared, { status }: Answer): Promise<void> {
    if ((method === 'DELETE' && status < 300) || status === 404)
      for (const kind of named) this.world.forget(kind);
    const changesPassword = id.includes('changePassword') && status < 300;
    if (changesPassword || (id.includes('logout') && status < 300)) this.world.forgetSessions();
    if (changesPassword || status === 423) await this.renew();
    if (id === 'Backups_restore' && status < 300) this.world.forgetAllBut('backup');
  }
}
