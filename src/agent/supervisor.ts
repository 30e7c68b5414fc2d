import { setTimeout as delay } from 'node:timers/promises';
import type { CommandVerb, ProcessState, ProcessStatus } from '../common/agent-protocol.js';
import { type BackoffPolicy, backoffMs } from '../common/backoff.js';
import { type OutputSink, type ProcessEnd, ProcessGroup } from './process-group.js';

export interface SupervisorPolicy {
  /** A process counts as running once it has lived this long, ms (supervisord's `startsecs`). */
  readonly settleMs: number;
  /** Time between SIGTERM and SIGKILL, ms. */
  readonly graceMs: number;
  readonly backoff: BackoffPolicy;
  /** A process that lived this long, ms, starts the back-off anew when it dies. */
  readonly stableMs: number;
  /** More restarts than this within `windowMs` and the command is `failed`. */
  readonly maxRestarts: number;
  readonly windowMs: number;
}

export const DEFAULT_POLICY: SupervisorPolicy = {
  settleMs: 1_000,
  graceMs: 10_000,
  backoff: { initialMs: 1_000, maxMs: 30_000 },
  stableMs: 60_000,
  maxRestarts: 10,
  windowMs: 600_000,
};

/** What came of a start, stop or restart. */
export interface Outcome {
  readonly ok: boolean;
  readonly error: string | null;
}

const DONE: Outcome = { ok: true, error: null };

/** Told of each life of the command, so that the process group can be found again when this program is killed. */
export interface LifeRecord {
  began(pid: number): void;
  /** No process of the group is left. */
  ended(): void;
}

/**
 * Keeps one command running: starts it again when it dies, with exponential back-off and a limit, and starts, stops
 * and restarts it when told. Operations run one after another; each settles when its end state holds or cannot be had.
 */
export class Supervisor {
  private state: ProcessState = 'stopped';
  private group: ProcessGroup | null = null;
  private startedAt = 0;
  private lastEnd: ProcessEnd | null = null;
  private error: string | null = null;
  private restarts = 0;
  private failures = 0;
  private restartTimes: number[] = [];
  private timer: NodeJS.Timeout | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  constructor(
    private readonly argv: readonly string[],
    private readonly policy: SupervisorPolicy,
    private readonly record: LifeRecord,
    private readonly sink: OutputSink,
    /** Called after each change of state. */
    private readonly onChange: (status: ProcessStatus) => void = () => {},
  ) {}

  status(): ProcessStatus {
    const isUp = this.group?.pid != null;
    return {
      state: this.state,
      pid: this.group?.pid ?? null,
      restarts: this.restarts,
      last_exit_code: this.lastEnd?.code ?? null,
      last_exit_signal: this.lastEnd?.signal ?? null,
      uptime_seconds: isUp ? (performance.now() - this.startedAt) / 1000 : null,
      error: this.error,
    };
  }

  /** Carries out the verb. Never rejects. */
  perform(verb: CommandVerb): Promise<Outcome> {
    if (this.isClosed) return Promise.resolve({ ok: false, error: 'the agent is shutting down' });
    return this.serially(() => this[verb]());
  }

  /** Stops the command for good: later verbs are refused. Never rejects. */
  shutdown(): Promise<Outcome> {
    const stopped = this.perform('stop');
    this.isClosed = true;
    return stopped;
  }

  /** SIGKILL to the command's process group at once, for an exit that cannot wait. */
  kill(): void {
    this.group?.kill();
  }

  private async start(): Promise<Outcome> {
    if (this.state === 'running') return DONE;
    clearTimeout(this.timer);
    await this.endGroup();
    this.failures = 0;
    this.restartTimes = [];
    return this.launch();
  }

  private async stop(): Promise<Outcome> {
    clearTimeout(this.timer);
    if (this.group !== null) this.become('stopping');
    await this.endGroup();
    if (this.state !== 'stopped') this.become('stopped');
    return DONE;
  }

  private async restart(): Promise<Outcome> {
    await this.stop();
    return this.start();
  }

  private async launch(): Promise<Outcome> {
    const group = this.spawn();
    this.group = group;
    this.startedAt = performance.now();
    if (group.pid !== null) this.record.began(group.pid);
    this.become('starting');
    void group.ended.then((end) => {
      this.lastEnd = end;
      return this.serially(() => this.recover(group, end));
    });
    const end = await Promise.race([group.ended, delay(this.policy.settleMs, null, { ref: false })]);
    if (end !== null) return this.recover(group, end);
    this.become('running');
    return DONE;
  }

  private spawn(): ProcessGroup {
    try {
      return new ProcessGroup(this.argv, this.sink);
    } catch (error) {
      // What spawn throws at once (too long, a null byte) is the same at every attempt.
      this.become('failed', (error as Error).message);
      throw error;
    }
  }

  /** After a death that nobody asked for: clears what is left of the group and plans the next start. */
  private async recover(group: ProcessGroup, end: ProcessEnd): Promise<Outcome> {
    const error = describeEnd(end);
    if (group !== this.group) return { ok: false, error };
    const livedMs = performance.now() - this.startedAt;
    this.become('backoff', error);
    try {
      await this.endGroup();
    } catch (failure) {
      this.become('failed', (failure as Error).message);
      throw failure;
    }
    this.failures = livedMs >= this.policy.stableMs ? 1 : this.failures + 1;
    if (this.isOverLimit()) this.become('failed', `${error}; restarted too often`);
    else this.relaunchLater(error);
    return { ok: false, error };
  }

  private relaunchLater(error: string): void {
    this.become('backoff', error);
    this.timer = setTimeout(
      () => {
        void this.serially(() => this.relaunch());
      },
      backoffMs(this.failures, this.policy.backoff),
    );
  }

  private async relaunch(): Promise<Outcome> {
    if (this.state !== 'backoff' || this.isClosed) return DONE;
    this.restarts += 1;
    this.restartTimes.push(performance.now());
    return this.launch();
  }

  private isOverLimit(): boolean {
    const since = performance.now() - this.policy.windowMs;
    this.restartTimes = this.restartTimes.filter((time) => time > since);
    return this.restartTimes.length >= this.policy.maxRestarts;
  }

  private async endGroup(): Promise<void> {
    if (this.group === null) return;
    await this.group.terminate(this.policy.graceMs);
    this.group = null;
    this.record.ended();
  }

  private become(state: ProcessState, error: string | null = null): void {
    this.state = state;
    this.error = error;
    this.onChange(this.status());
  }

  /** Runs the operation after those before it. */
  private serially(operation: () => Promise<Outcome>): Promise<Outcome> {
    const result = this.queue
      .then(operation)
      .catch((error: unknown): Outcome => ({ ok: false, error: (error as Error).message }));
    this.queue = result;
    return result;
  }
}

function describeEnd(end: ProcessEnd): string {
  if (end.error !== null) return end.error.slice(0, 400);
  return end.signal === null ? `exited with code ${end.code}` : `ended by ${end.signal}`;
}
