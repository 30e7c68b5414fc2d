import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '../snapshot.js';

/** One run of the queue: what is to be put into effect. */
export interface ApplyTarget {
  /** The newest snapshot; `settle` may replace it. */
  readonly snapshot: Snapshot;
  /**
   * Waits until no change has come for a while, so that many cost one reload, but not beyond the time budget of the
   * change that waits longest. `costMs`: what the caller will need after that.
   */
  settle(costMs: number): Promise<void>;
}

/** Thrown by a run that cannot be done now; what waits goes on waiting until the next push or poke. */
export class Postponed extends Error {
  override readonly name = 'Postponed';
}

interface Poke {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

interface Waiter {
  readonly snapshot: Snapshot;
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Without a change for this long, a reload may start. */
const QUIET_MS = 50;
/** In this time a change should be in effect, the waiting included. */
const BUDGET_MS = 950;

/**
 * Puts snapshots into effect one at a time and always the newest; a snapshot that a newer one has overtaken is in
 * effect when the newer one is. When the newest is refused, the next older one that still waits gets its turn.
 */
export class ApplyQueue {
  private waiters: Waiter[] = [];
  private pokes: Poke[] = [];
  private running = false;
  private closed: Error | null = null;
  private lastPush = 0;

  /**
   * @param inEffect What runs at the beginning.
   * @param run Puts the target's snapshot into effect; throws when that snapshot cannot be.
   */
  constructor(
    private inEffect: Snapshot,
    private readonly run: (target: ApplyTarget) => Promise<void>,
  ) {}

  /** Version in effect. */
  get version(): number {
    return this.inEffect.version;
  }

  /** Resolves when this version or a newer one is in effect; rejects when this one was tried and refused. */
  push(snapshot: Snapshot): Promise<void> {
    if (this.closed) return Promise.reject(this.closed);
    if (snapshot.version <= this.inEffect.version) return Promise.resolve();
    this.lastPush = performance.now();
    return new Promise((resolve, reject) => {
      this.waiters.push({ snapshot, since: this.lastPush, resolve, reject });
      void this.work();
    });
  }

  /** Runs once more with what is in effect: something else than the snapshot has changed. Resolves when that is done. */
  poke(): Promise<void> {
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => {
      this.pokes.push({ resolve, reject });
      void this.work();
    });
  }

  /** What was thought to be in effect is not. */
  revert(inEffect: Snapshot): void {
    this.inEffect = inEffect;
  }

  close(reason: Error): void {
    this.closed = reason;
    for (const { reject } of [...this.waiters.splice(0), ...this.pokes.splice(0)]) reject(reason);
  }

  private async work(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      while (!this.closed && (this.waiters.length > 0 || this.pokes.length > 0)) await this.turn();
    } catch {
      // Postponed: the next push or poke goes on.
    } finally {
      this.running = false;
    }
  }

  private async turn(): Promise<void> {
    const pokes = this.pokes.splice(0);
    let snapshot = this.newest();
    const settle = async (costMs: number): Promise<void> => {
      await this.quiet(costMs);
      snapshot = this.newest();
      pokes.push(...this.pokes.splice(0));
    };
    try {
      await this.run({
        get snapshot() {
          return snapshot;
        },
        settle,
      });
      this.inEffect = snapshot;
      for (const { resolve } of [...this.take(({ version }) => version <= snapshot.version), ...pokes])
        resolve();
    } catch (error) {
      if (error instanceof Postponed) {
        this.pokes.unshift(...pokes);
        throw error;
      }
      for (const { reject } of [...this.take(({ version }) => version === snapshot.version), ...pokes])
        reject(error);
    }
  }

  private newest(): Snapshot {
    return this.waiters.reduce(
      (newest, { snapshot }) => (snapshot.version > newest.version ? snapshot : newest),
      this.inEffect,
    );
  }

  private take(matches: (snapshot: Snapshot) => boolean): Waiter[] {
    const taken = this.waiters.filter(({ snapshot }) => matches(snapshot));
    this.waiters = this.waiters.filter((waiter) => !taken.includes(waiter));
    return taken;
  }

  private async quiet(costMs: number): Promise<void> {
    const oldest = Math.min(performance.now(), ...this.waiters.map(({ since }) => since));
    const latest = oldest + Math.max(QUIET_MS, BUDGET_MS - costMs);
    while (!this.closed) {
      const end = Math.min(this.lastPush + QUIET_MS, latest);
      const left = end - performance.now();
      if (left <= 0) return;
      await sleep(left);
    }
  }
}
