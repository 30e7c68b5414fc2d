import { median } from '../core/numeric/statistics.js';
import { fullMinutes, mostRequests, wentWell } from '../full-minutes.js';

/** One backend's minute as telemetry has it. */
export interface BackendMinute {
  at: Date;
  /** The backend; null where none was reached. */
  key: string | null;
  requests: number;
  errors: number;
  latency_avg_ms: number | null;
}

/** What a pool can carry, and what of it each backend. */
export interface Capacity {
  /** Requests a minute of the best minute. */
  total: number;
  /** Requests a minute of each backend when all of them had as much as they can do. */
  byBackend: ReadonlyMap<string, number>;
}

const MIN_MINUTES = 60;
const MIN_QUIET = 30;
const MIN_FULL = 5;
const MOST = 10;

interface PoolMinute {
  requests: number;
  errors: number;
  latencySumMs: number;
  byBackend: Map<string, number>;
}

function poolMinutes(points: readonly BackendMinute[]): PoolMinute[] {
  const minutes = new Map<number, PoolMinute>();
  for (const { at, key, requests, errors, latency_avg_ms } of points) {
    const time = at.getTime();
    const minute = minutes.get(time) ?? { requests: 0, errors: 0, latencySumMs: 0, byBackend: new Map() };
    minute.requests += requests;
    minute.errors += errors;
    minute.latencySumMs += (latency_avg_ms ?? 0) * requests;
    if (key) minute.byBackend.set(key, (minute.byBackend.get(key) ?? 0) + requests);
    minutes.set(time, minute);
  }
  return [...minutes.values()];
}

/**
 * Measures capacity from a pool's history. How requests were spread tells what backends can carry only where they had
 * as much as they could do, so minutes count in which there were nearly as many requests as ever and answers took longer
 * than in quiet ones.
 *
 * @param points by minute and backend
 * @param backends that are in use; one that carried nothing in a full minute makes the answer null
 * @returns null where the pool was never seen full
 */
export function measureCapacity(
  points: readonly BackendMinute[],
  backends: readonly string[],
): Capacity | null {
  const good = poolMinutes(points).filter((minute) => minute.requests > 0 && wentWell(minute));
  if (good.length < MIN_MINUTES || backends.length === 0) return null;
  const full = fullMinutes(good, ({ latencySumMs, requests }) => latencySumMs / requests, MIN_QUIET);
  if (full === null || full.length < MIN_FULL) return null;
  const byBackend = new Map(backends.map((id) => [id, median(full.map((m) => m.byBackend.get(id) ?? 0))]));
  return [...byBackend.values()].every((requests) => requests > 0)
    ? { total: mostRequests(good), byBackend }
    : null;
}

/**
 * By how much to raise or lower weights so that they are as the capacities are to each other.
 *
 * @returns factors between a tenth and ten, with two digits; none where that changes nothing
 */
export function factorsFor(
  { byBackend }: Capacity,
  backends: readonly { id: string; weight: number }[],
): Map<string, number> {
  const capacity = backends.reduce((sum, { id }) => sum + (byBackend.get(id) ?? 0), 0);
  const weights = backends.reduce((sum, { weight }) => sum + weight, 0);
  const factors = backends.map(({ id, weight }): [string, number] => {
    const factor = (byBackend.get(id) ?? 0) / capacity / (weight / weights);
    return [id, Number(Math.min(MOST, Math.max(1 / MOST, factor)).toPrecision(2))];
  });
  return new Map(factors.filter(([, factor]) => factor !== 1));
}
