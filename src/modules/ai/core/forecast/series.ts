import { InvalidInputError, NotEnoughDataError } from '../errors.js';
import { median } from '../numeric/statistics.js';

/** One observation; `timestamp` is ISO 8601, epoch milliseconds or a Date. */
export interface TimedValue {
  timestamp: string | number | Date;
  value: number;
}

/** Equally spaced buckets; NaN (null in JSON) marks a bucket without an observation. */
export interface RegularSeries {
  startMs: number;
  stepMs: number;
  values: ArrayLike<number | null>;
}

/** Either form in which a series may be given. */
export type SeriesInput = readonly TimedValue[] | RegularSeries;

/** The form the models work on. */
export interface Grid {
  startMs: number;
  stepMs: number;
  /** NaN where there was no observation. */
  values: Float64Array;
}

/** More buckets than this are refused: a year of minutes is 525,600. */
const MAX_BUCKETS = 600_000;

function toMs(timestamp: string | number | Date): number {
  const ms = typeof timestamp === 'number' ? timestamp : new Date(timestamp).getTime();
  if (!Number.isFinite(ms)) throw new InvalidInputError(`not a timestamp: ${String(timestamp)}`);
  return ms;
}

function commonStep(times: Float64Array): number {
  const gaps = new Map<number, number>();
  for (let i = 1; i < times.length; i++) {
    const gap = Math.round((times[i] - times[i - 1]) / 1000) * 1000;
    if (gap > 0) gaps.set(gap, (gaps.get(gap) ?? 0) + 1);
  }
  if (gaps.size === 0)
    throw new NotEnoughDataError(2, times.length === 0 ? 0 : 1, 'samples at different times');
  const [step, count] = [...gaps].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  if (count * 5 >= times.length) return step;
  const positive = Float64Array.from(times.subarray(1), (time, i) => time - times[i]).filter(
    (gap) => gap > 0,
  );
  return Math.max(1, Math.round(median(positive)));
}

/** Puts observations into the buckets of a grid; several in one bucket are averaged, none leaves NaN. */
export function bucket(
  points: readonly TimedValue[],
  startMs: number,
  stepMs: number,
  length: number,
): Float64Array {
  const sums = new Float64Array(length);
  const counts = new Float64Array(length);
  for (const { timestamp, value } of points) {
    const index = Math.round((toMs(timestamp) - startMs) / stepMs);
    if (index < 0 || index >= length || !Number.isFinite(value)) continue;
    sums[index] += value;
    counts[index]++;
  }
  return sums.map((sum, i) => (counts[i] > 0 ? sum / counts[i] : Number.NaN));
}

function fromRegular(series: RegularSeries): Grid {
  if (!(series.stepMs > 0) || !Number.isFinite(series.startMs))
    throw new InvalidInputError('a regular series needs a start and a positive step');
  const values = Float64Array.from({ length: series.values.length }, (_, i) => {
    const value = series.values[i];
    return value !== null && Number.isFinite(value) ? value : Number.NaN;
  });
  return { startMs: series.startMs, stepMs: series.stepMs, values };
}

/**
 * Reads a series into equally spaced buckets.
 *
 * Unequally spaced observations: the step is the most frequent gap (to the second) if at least a fifth of the gaps
 * have it, otherwise the median gap; each observation goes to the nearest bucket, several in one bucket are averaged,
 * buckets without an observation stay missing. Models carry the last observation forward over missing buckets, are
 * told how old it is, and neither learn from nor are judged on a bucket that was never observed.
 *
 * @throws InvalidInputError on unreadable timestamps or a span of too many buckets
 * @throws NotEnoughDataError when there are not two different times
 */
export function toGrid(series: SeriesInput): Grid {
  if ('values' in series && !Array.isArray(series)) return fromRegular(series as RegularSeries);
  const points = [...(series as readonly TimedValue[])];
  const times = Float64Array.from(points, (point) => toMs(point.timestamp)).sort();
  const stepMs = commonStep(times);
  const startMs = times[0];
  const length = Math.round((times[times.length - 1] - startMs) / stepMs) + 1;
  if (length > MAX_BUCKETS)
    throw new InvalidInputError(
      `the series spans ${length} steps of ${stepMs} ms, at most ${MAX_BUCKETS} are taken`,
    );
  return { startMs, stepMs, values: bucket(points, startMs, stepMs, length) };
}

/** How many buckets hold an observation. */
export function observed(values: Float64Array): number {
  return values.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0);
}
