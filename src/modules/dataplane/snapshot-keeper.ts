import { isDeepStrictEqual } from 'node:util';
import { type BackoffPolicy, backoffMs } from '../../common/backoff.js';
import type { DataPlaneEngine } from './engine.js';
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
 * what changed since is read and tried again, each time after a longer pause.
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
  private chain: Promise<void> = Promise.resolve();
  private pending: Promise<void> | null = null;
  private failures = 0;
  private retry?: NodeJS.Timeout;
  private stopped = false;

  constructor(private readonly options: KeeperOptions) {}

  get lastError(): string | null {
    return this.error?.message ?? null;
  }

  /**
   * Resolves when what a pass that began after this call handed over is in effect or refused; never rejects,
   * `lastError` tells.
   */
  refresh(): Promise<void> {
    this.pending ??= this.enqueue();
    return this.pending;
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

  private succeeded(advanced: boolean): void {
    // An older one that waited took the place of one that was refused: the error is still true.
    if (this.refused > this.current.version) {
      if (advanced) this.options.onOutcome(this.current.version, this.error);
      return;
    }
    const recovered = this.error !== null;
    this.error = null;
    this.failures = 0;
    if (advanced || recovered) this.options.onOutcome(this.current.version, null);
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
