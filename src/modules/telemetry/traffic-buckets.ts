import { randomUUID } from 'node:crypto';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../common/durations.js';
import type { PathDelta, TrafficDelta } from '../../common/traffic.js';
import { addCounts, emptyCounts, type TrafficCounts } from './traffic-counts.js';

/** Beyond this many rows that the database has not taken yet, older ones are put together. */
const MAX_ROWS = 50_000;
/** Distinct paths kept of one tenant and hour; further ones count under `(other)`. */
const MAX_PATHS_PER_TENANT = 200;
const MAX_PATHS = 50_000;
export const OTHER = '(other)';

interface Storable {
  /** Part of the row's key in the database: the figures of a row are absolute for it. */
  readonly runId: string;
  /** Start of the minute (traffic) or hour (paths), Unix time in ms. */
  readonly start: number;
  readonly tenantId: string;
  /** Counts changes, so that a write knows whether it stored the last state. */
  revision: number;
  stored: number;
  /** A write of it was tried: the database may have it, so its key must stay as it is. */
  attempted: boolean;
}

export interface TrafficRow extends Storable, TrafficCounts {
  readonly routeId: string;
  readonly poolId: string;
  readonly backendId: string;
}

export interface PathRow extends Storable {
  readonly path: string;
  requests: number;
  errors: number;
  latencySumMs: number;
}

/**
 * Counters of the data plane by minute (paths by hour) until the database has them. Each row holds absolute figures
 * under a key of its own run, so that writing it again is harmless and a lost answer costs nothing. Rows that are
 * stored and over are forgotten. While the database is away old rows are put together by hour, then by day and route,
 * so that memory stays bounded and sums stay exact.
 */
export class TrafficBuckets {
  private readonly runId: string = randomUUID();
  private traffic = new Map<string, TrafficRow>();
  private readonly paths = new Map<string, PathRow>();
  private readonly pathsOfTenant = new Map<string, number>();
  private latestMs = 0;

  constructor(private readonly maxRows = MAX_ROWS) {}

  add(traffic: readonly TrafficDelta[], paths: readonly PathDelta[], clockMs: number): void {
    // a clock that is set back must not reopen a minute whose row is stored and forgotten
    const nowMs = Math.max(clockMs, this.latestMs);
    this.latestMs = nowMs;
    const minute = nowMs - (nowMs % MINUTE_MS);
    for (const delta of traffic) {
      const row = this.trafficRow(this.runId, minute, delta.tenantId, [
        delta.routeId,
        delta.poolId ?? '',
        delta.backendId ?? '',
      ]);
      addCounts(row, delta);
      row.revision++;
    }
    const hour = nowMs - (nowMs % HOUR_MS);
    for (const delta of paths) this.addPath(delta, hour);
    if (this.traffic.size > this.maxRows) this.shrink(minute);
  }

  unstoredTraffic = (): TrafficRow[] => unstored(this.traffic);
  unstoredPaths = (): PathRow[] => unstored(this.paths);

  /** Forgets rows of past minutes and hours that the database has in full. */
  forgetStored(clockMs: number): void {
    const nowMs = Math.min(clockMs, this.latestMs);
    const minute = nowMs - (nowMs % MINUTE_MS);
    for (const [key, row] of this.traffic)
      if (row.stored === row.revision && row.start < minute) this.traffic.delete(key);
    const hour = nowMs - (nowMs % HOUR_MS);
    for (const [key, row] of this.paths)
      if (row.stored === row.revision && row.start < hour) {
        this.paths.delete(key);
        const group = `${row.tenantId}\n${row.start}`;
        const left = (this.pathsOfTenant.get(group) ?? 1) - 1;
        if (left > 0) this.pathsOfTenant.set(group, left);
        else this.pathsOfTenant.delete(group);
      }
  }

  private trafficRow(
    runId: string,
    start: number,
    tenantId: string,
    [routeId, poolId, backendId]: [string, string, string],
  ): TrafficRow {
    const key = [runId, start, tenantId, routeId, poolId, backendId].join('\n');
    let row = this.traffic.get(key);
    if (!row) {
      row = { ...fresh(runId, start, tenantId), routeId, poolId, backendId, ...emptyCounts() };
      this.traffic.set(key, row);
    }
    return row;
  }

  private addPath(delta: PathDelta, hour: number): void {
    const group = `${delta.tenantId}\n${hour}`;
    let path = delta.path;
    let key = `${group}\n${path}`;
    const known = this.pathsOfTenant.get(group) ?? 0;
    if (!this.paths.has(key) && (known >= MAX_PATHS_PER_TENANT || this.paths.size >= MAX_PATHS)) {
      path = OTHER;
      key = `${group}\n${path}`;
    }
    let row = this.paths.get(key);
    if (!row) {
      row = {
        ...fresh(this.runId, hour, delta.tenantId),
        path,
        requests: 0,
        errors: 0,
        latencySumMs: 0,
      };
      this.paths.set(key, row);
      this.pathsOfTenant.set(group, known + 1);
    }
    row.requests += delta.requests;
    row.errors += delta.errors;
    row.latencySumMs += delta.latencySumMs;
    row.revision++;
  }

  /** Puts past rows together under a new run, as their sums must not replace rows that the database has. */
  private shrink(currentMinute: number): void {
    this.merge(currentMinute, HOUR_MS, true);
    if (this.traffic.size > this.maxRows / 2) this.merge(currentMinute, DAY_MS, false);
  }

  private merge(currentMinute: number, stepMs: number, keepBackends: boolean): void {
    const run = randomUUID();
    const all = this.traffic;
    this.traffic = new Map();
    for (const [key, row] of all) {
      if (row.attempted || row.start >= currentMinute) {
        this.traffic.set(key, row);
        continue;
      }
      const target = this.trafficRow(run, row.start - (row.start % stepMs), row.tenantId, [
        row.routeId,
        keepBackends ? row.poolId : '',
        keepBackends ? row.backendId : '',
      ]);
      addCounts(target, row);
      target.revision++;
    }
  }
}

const fresh = (runId: string, start: number, tenantId: string): Storable => ({
  runId,
  start,
  tenantId,
  revision: 0,
  stored: 0,
  attempted: false,
});

const unstored = <T extends Storable>(rows: Map<string, T>): T[] =>
  [...rows.values()].filter((row) => row.stored !== row.revision);
