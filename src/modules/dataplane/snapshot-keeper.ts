import { isDeepStrictEqual } from 'node:util';
import { type BackoffPolicy, backoffMs } from '../../common/backoff.js';
import { type DataPlaneEngine, SnapshotRefused } from './engine.js';
import type { Snapshot, TenantSlice } from './snapshot.js';
import type { Reading } from './snapshot-source.js';

const RETRY: BackoffPolicy = { initialMs: 250, maxMs: 10_000 };

export interface KeeperOptions {
  engine: DataPlaneEngine;
  /** What changed after a version; everything for 0. */
  read(since: number): Promise<Reading>;
  /** Called when the engine runs another version, or why it does not. */
  onOutcome(version: number, error: Error | null): void;
  /** Called with each slice that the engine runs now; null when the tenant has no routing any more. */
  onSlice?(tenantId: string, slice: TenantSlice | null): void;
}

/**
 * Keeps an engine at the newest configuration. One pass at a time reads what changed since the version that was handed
 * over last and hands over the next; it does not wait until that is in effect, so an engine that needs a while (HAProxy's
 * reload) can take many changes together. When the database or the engine says no, the last good snapshot goes on, and
 * what changed since is read and tried again, each time after a longer pause. A tenant whose slice the engine refuses
 * keeps its last good one, until it changes; the others' changes are in effect without it.
 */
export class SnapshotKeeper {
  /** What the engine runs. */
  current: Snapshot = { version: 0, tenants: new Map() };
  /** The newest version that was seen. */
  desiredVersion = 0;
  /** Why the newest is not in effect. */
  private error: Error | null = null;
  /** The newest version that the engine refused. */
  private refused = 0;
  /** What the engine was given last. */
  private given: Snapshot = this.current;
  /** Resolves when what was given last is in effect or refused. */
  private settled: Promise<void> = Promise.resolve();
  /** Tenants whose slices are given and not in effect yet, with the version of the last change. */
  private readonly unsettled = new Map<string, number>();
  /** Tenants whose newest slice was refused, and why. */
  private readonly heldBack = new Map<string, SnapshotRefused>();
  private chain: Promise<void> = Promise.resolve();
  private pending: Promise<void> | null = null;
  private failures = 0;
  private retry?: NodeJS.Timeout;
  private stopped = false;

  constructor(private readonly options: KeeperOptions) {}

  get lastError(): string | null {
    return this.error?.message ?? null;
  }

  /** Why the engine does not run the newest configuration of this tenant; null when it is not refused. */
  refusalOf(tenantId: string): string | null {
    return this.heldBack.get(tenantId)?.message ?? null;
  }

  /**
   * Resolves when what a pass that began after this call handed over is in effect or refused; never rejects,
   * `lastError` tells.
   */
  refresh(): Promise<void> {
    this.pending ??= this.enqueue();
    return this.pending;
  }

  /**
   * Resolves when `version`, or a newer one, is in effect or refused. The pass that a notification of it began is enough;
   * another one is begun only when that came too early.
   */
  async reached(version: number): Promise<void> {
    await this.chain;
    await (this.desiredVersion >= version ? this.settled : this.refresh());
  }

  /** No pass begins after this; resolves when none runs. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retry);
    await this.chain;
    await this.settled;
  }

  private async enqueue(): Promise<void> {
    let settled = this.settled;
    this.chain = this.chain.then(async () => {
      this.pending = null;
      if (!this.stopped) await this.pass();
      settled = this.settled;
    });
    await this.chain;
    await settled;
  }

  private async pass(): Promise<void> {
    clearTimeout(this.retry);
    try {
      this.take(await this.options.read(this.given.version));
    } catch (e) {
      this.failed(e as Error);
    }
  }

  /** Slices that are equal to the ones that were given stay the same objects: an engine sees by identity what changed. */
  private take(reading: Reading): void {
    if (reading.version <= this.given.version) {
      // The database answers again; what the engine says of what it was given is still to come.
      if (this.given === this.current) this.succeeded(false);
      return;
    }
    this.desiredVersion = reading.version;
    const tenants = new Map(this.given.tenants);
    for (const [id, slice] of reading.tenants) {
      this.heldBack.delete(id);
      if (isEmpty(slice) ? !tenants.delete(id) : isDeepStrictEqual(tenants.get(id), slice)) continue;
      if (!isEmpty(slice)) tenants.set(id, slice);
      this.unsettled.set(id, reading.version);
    }
    this.given = { version: reading.version, tenants };
    this.settled = this.apply(this.given);
  }

  /** Several may be under way: a newer one that is in effect has brought the older ones with it. */
  private async apply(snapshot: Snapshot): Promise<void> {
    try {
      await this.options.engine.apply(snapshot);
    } catch (e) {
      const others = e instanceof SnapshotRefused ? this.withoutChangeOf(snapshot, e) : null;
      if (others) return this.apply(others);
      // The next pass begins where the engine is.
      this.given = this.current;
      this.refused = Math.max(this.refused, snapshot.version);
      return this.failed(e as Error);
    }
    if (snapshot.version <= this.current.version) return;
    this.current = snapshot;
    if (this.given.version < snapshot.version) this.given = snapshot;
    for (const [id, version] of this.unsettled) {
      if (version > snapshot.version) continue;
      this.unsettled.delete(id);
      this.options.onSlice?.(id, snapshot.tenants.get(id) ?? null);
    }
    this.succeeded(true);
  }

  /** The snapshot with the last good slice of the tenant that is to blame; null when that is nobody who changed. */
  private withoutChangeOf(snapshot: Snapshot, refusal: SnapshotRefused): Snapshot | null {
    const id = refusal.tenantId ?? '';
    const [refused, last] = [snapshot.tenants.get(id), this.current.tenants.get(id)];
    if (!refused || refused === last) return null;
    const tenants = new Map(snapshot.tenants);
    if (last) tenants.set(id, last);
    else tenants.delete(id);
    const others = { version: snapshot.version, tenants };
    // A newer one that is under way may have a slice that is right.
    if (this.given.tenants.get(id) === refused) {
      this.heldBack.set(id, refusal);
      this.unsettled.delete(id);
    }
    if (this.given === snapshot) this.given = others;
    return others;
  }

  private succeeded(advanced: boolean): void {
    // An older one that waited took the place of one that was refused: the error is still true.
    if (this.refused > this.current.version) {
      if (advanced) this.options.onOutcome(this.current.version, this.error);
      return;
    }
    const before = this.error;
    this.error = [...this.heldBack.values()][0] ?? null;
    this.failures = 0;
    if (advanced || this.error !== before) this.options.onOutcome(this.current.version, this.error);
  }

  private failed(error: Error): void {
    const repeated = this.lastError === error.message;
    this.error = error;
    const pause = backoffMs(++this.failures, RETRY);
    clearTimeout(this.retry);
    if (!this.stopped) this.retry = setTimeout(() => void this.refresh(), pause).unref();
    if (!repeated) this.options.onOutcome(this.current.version, error);
  }
}

const isEmpty = ({ pools, routes }: TenantSlice): boolean => pools.length === 0 && routes.length === 0;
