import { isDeepStrictEqual } from 'node:util';
import type { DataPlaneEngine } from './engine.js';
import type { Snapshot, TenantSlice } from './snapshot.js';
import type { Reading } from './snapshot-source.js';

const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 10_000;

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
 * Keeps an engine at the newest configuration. One pass at a time reads what changed since the version that runs and
 * applies it; changes that come meanwhile are taken together by the next pass. When the database or the engine says no,
 * the last good snapshot goes on and the pass is tried again, each time after a longer pause.
 */
export class SnapshotKeeper {
  /** What the engine runs. */
  current: Snapshot = { version: 0, tenants: new Map() };
  /** The newest version that was seen. */
  desiredVersion = 0;
  lastError: string | null = null;
  private chain: Promise<void> = Promise.resolve();
  private pending: Promise<void> | null = null;
  private failures = 0;
  private retry?: NodeJS.Timeout;
  private stopped = false;

  constructor(private readonly options: KeeperOptions) {}

  /** Resolves after a pass that began after this call; never rejects, `lastError` tells. */
  refresh(): Promise<void> {
    this.pending ??= this.enqueue();
    return this.pending;
  }

  /** No pass begins after this; resolves when none runs. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retry);
    await this.chain;
  }

  private enqueue(): Promise<void> {
    this.chain = this.chain.then(() => {
      this.pending = null;
      return this.stopped ? undefined : this.pass();
    });
    return this.chain;
  }

  private async pass(): Promise<void> {
    clearTimeout(this.retry);
    try {
      const advanced = await this.take(await this.options.read(this.current.version));
      const recovered = this.lastError !== null;
      this.lastError = null;
      this.failures = 0;
      if (advanced || recovered) this.options.onOutcome(this.current.version, null);
    } catch (e) {
      const repeated = this.lastError === (e as Error).message;
      this.lastError = (e as Error).message;
      const pause = Math.min(RETRY_FIRST_MS * 2 ** this.failures++, RETRY_MOST_MS);
      if (!this.stopped) this.retry = setTimeout(() => void this.refresh(), pause).unref();
      if (!repeated) this.options.onOutcome(this.current.version, e as Error);
    }
  }

  /** Slices that are equal to the ones that run stay the same objects: an engine sees by identity what changed. */
  private async take(reading: Reading): Promise<boolean> {
    if (reading.version <= this.current.version) return false;
    this.desiredVersion = reading.version;
    const tenants = new Map(this.current.tenants);
    const changed: [string, TenantSlice | null][] = [];
    for (const [id, slice] of reading.tenants) {
      if (slice.pools.length === 0 && slice.routes.length === 0) {
        if (tenants.delete(id)) changed.push([id, null]);
      } else if (!isDeepStrictEqual(tenants.get(id), slice)) {
        tenants.set(id, slice);
        changed.push([id, slice]);
      }
    }
    const snapshot = { version: reading.version, tenants };
    await this.options.engine.apply(snapshot);
    this.current = snapshot;
    for (const [id, slice] of changed) this.options.onSlice?.(id, slice);
    return true;
  }
}
