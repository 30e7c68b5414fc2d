import { HOUR_MS } from '../../../../common/durations.js';
import { median, quantile } from '../numeric/statistics.js';

/** Autocorrelation at one lag of a series whose mean is zero. */
function autocorrelation(values: Float64Array, lag: number, power: number): number {
  let sum = 0;
  for (let i = lag; i < values.length; i++) sum += values[i] * values[i - lag];
  return power > 0 ? sum / power : 0;
}

/** Centred on the median, with outliers drawn in, so that one burst does not look like a rhythm. */
function robustlyCentred(values: Float64Array): Float64Array {
  const centre = median(values);
  const low = quantile(values, 0.02);
  const high = quantile(values, 0.98);
  return values.map((value) => Math.min(high, Math.max(low, value)) - centre);
}

/**
 * Finds two cycle lengths in buckets besides the day and the week, for job-like rhythms: the lags between 5 buckets and
 * two thirds of a day with the highest local peaks of the autocorrelation of the changes. What is not found is an hour
 * and six hours (or, where a bucket is longer than that, 2 and 3 buckets).
 */
export function findCycles(filled: Float64Array, stepMs: number): [number, number] {
  const day = Math.round(86_400_000 / stepMs);
  const recent = filled.subarray(Math.max(0, filled.length - 8 * Math.max(day, 64)));
  const changes = robustlyCentred(recent.subarray(1).map((value, i) => value - recent[i]));
  const power = changes.reduce((sum, value) => sum + value * value, 0);
  const longest = Math.min(Math.floor((2 * day) / 3), changes.length >> 2, 1000);
  const strength = Float64Array.from({ length: longest + 2 }, (_, lag) =>
    lag < 4 ? 0 : autocorrelation(changes, lag, power),
  );
  const peaks: number[] = [];
  for (let lag = 5; lag <= longest; lag++) {
    if (strength[lag] > 0.08 && strength[lag] > strength[lag - 1] && strength[lag] >= strength[lag + 1])
      peaks.push(lag);
  }
  peaks.sort((a, b) => strength[b] - strength[a] || a - b);
  const hour = Math.max(2, Math.round(HOUR_MS / stepMs));
  const first = peaks[0] ?? hour;
  const second =
    peaks.find((lag) => Math.abs(lag - first) > 1) ?? (first === hour ? Math.max(3, 6 * hour) : hour);
  return [first, Math.min(second, Math.max(3, day))];
}
