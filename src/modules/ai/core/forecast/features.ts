import { DAY_MS, HOUR_MS } from '../../../../common/durations.js';
import { EWMA_RATES, type History } from './history.js';

/** Differences of the most recent values from the last one. */
const LAGS = 12;
const WINDOWS = [3, 6, 12, 36] as const;
const MEDIAN_WINDOWS = [5, 15, 41] as const;

const ORIGIN_NAMES = [
  ...Array.from({ length: LAGS }, (_, k) => `lag ${k + 1}`),
  ...WINDOWS.map((w) => `mean of ${w}`),
  ...WINDOWS.map((w) => `spread of ${w}`),
  'minimum of 12',
  'maximum of 12',
  'minimum of 36',
  'maximum of 36',
  ...MEDIAN_WINDOWS.map((w) => `median of ${w}`),
  ...EWMA_RATES.map((rate) => `EWMA ${rate}`),
  'mean of a day',
  'level',
  'movement',
  'age',
  'unchanged',
  'since a peak',
];

const TARGET_NAMES = [
  'yesterday -2',
  'yesterday -1',
  'yesterday',
  'yesterday +1',
  'yesterday +2',
  'yesterday around',
  'change since yesterday',
  'yesterday change',
  'profile',
  'profile change',
  'two days ago change',
  'last week change',
  'last week',
  'cycle 1',
  'cycle 1 mean',
  'cycle 1 change',
  'cycle 2',
  'cycle 2 mean',
  'cycle 2 change',
  'day sin 1',
  'day cos 1',
  'day sin 2',
  'day cos 2',
  'day sin 3',
  'day cos 3',
  'hour sin',
  'hour cos',
  'time of day',
  'minute of hour',
  'weekend',
  'horizon',
];

/** What each column of a feature row is. All that are in units of the series are differences from the last value. */
export const FEATURE_NAMES: readonly string[] = [...ORIGIN_NAMES, ...TARGET_NAMES];
export const FEATURES = FEATURE_NAMES.length;
const ORIGIN_FEATURES = ORIGIN_NAMES.length;

/** Column of a feature by its name. */
export function featureIndex(name: string): number {
  const index = FEATURE_NAMES.indexOf(name);
  if (index < 0) throw new Error(`no such feature: ${name}`);
  return index;
}

/** What the rows of one model are made with; kept in the model. */
export interface FeatureOptions {
  /** Two cycle lengths in buckets, besides the day and the week. */
  cycles: [number, number];
}

/**
 * Makes feature rows: what is known at bucket `t`, as the input for forecasting bucket `t + h`. Every figure comes
 * from buckets up to and including `t`.
 */
export class FeatureBuilder {
  private readonly sorted = new Float64Array(64);
  private origin = -1;
  private readonly originRow = new Float64Array(ORIGIN_FEATURES);

  constructor(
    private readonly history: History,
    private readonly options: FeatureOptions,
  ) {}

  /** Writes the row for origin `t` and horizon `h` into `out` from `offset`. */
  write(t: number, h: number, out: Float64Array, offset = 0): void {
    if (t !== this.origin) this.fillOrigin(t);
    out.set(this.originRow, offset);
    this.fillTarget(t, h, out, offset + ORIGIN_FEATURES);
  }

  private fillOrigin(t: number): void {
    const { history, originRow: out } = this;
    const last = history.filled[t];
    let at = 0;
    for (let k = 1; k <= LAGS; k++) out[at++] = history.at(t - k) - last;
    for (const window of WINDOWS) out[at++] = history.meanBetween(t - window + 1, t + 1) - last;
    for (const window of WINDOWS) out[at++] = this.meanMovement(t, window);
    for (const window of [12, 36]) {
      const [low, high] = this.range(t, window);
      out[at++] = low - last;
      out[at++] = high - last;
    }
    for (const window of MEDIAN_WINDOWS) out[at++] = this.medianOf(t, window) - last;
    for (const ewma of history.ewma) out[at++] = ewma[t] - last;
    out[at++] = history.meanBetween(t - history.day + 1, t + 1) - last;
    out[at++] = last;
    out[at++] = history.movement[t];
    out[at++] = Math.min(history.age[t], 50);
    out[at++] = Math.min(history.unchanged[t], 50);
    out[at] = this.sincePeak(t);
    this.origin = t;
  }

  private fillTarget(t: number, h: number, out: Float64Array, offset: number): void {
    const { history } = this;
    const last = history.filled[t];
    const target = t + h;
    let at = offset;
    const yesterday = target - this.back(history.day, h);
    for (let j = -2; j <= 2; j++) out[at++] = history.at(Math.min(yesterday + j, t)) - last;
    out[at++] = this.around(yesterday, t) - last;
    out[at++] = this.around(t, t) - this.around(t - history.day, t);
    out[at++] = this.cycleChange(t, h, history.day);
    out[at++] = this.cycleMean(t, h, history.day, 7, 1) - last;
    out[at++] = this.cycleMean(t, h, history.day, 7, 1) - this.cycleMean(t, 0, history.day, 7, 1);
    out[at++] = this.cycleChange(t, h, 2 * history.day);
    out[at++] = this.cycleChange(t, h, 7 * history.day);
    out[at++] = this.weekAgo(target, h) - last;
    for (const cycle of this.options.cycles) {
      out[at++] = history.at(target - this.back(cycle, h)) - last;
      out[at++] = this.cycleMean(t, h, cycle, 6, 0) - last;
      out[at++] = this.cycleChange(t, h, cycle);
    }
    this.fillCalendar(target, out, at);
    out[offset + TARGET_NAMES.length - 1] = h;
  }

  private fillCalendar(target: number, out: Float64Array, offset: number): void {
    const ms = this.history.timeOf(target);
    const ofDay = (((ms % DAY_MS) + DAY_MS) % DAY_MS) / DAY_MS;
    const ofHour = (((ms % HOUR_MS) + HOUR_MS) % HOUR_MS) / HOUR_MS;
    let at = offset;
    for (let harmonic = 1; harmonic <= 3; harmonic++) {
      out[at++] = Math.sin(2 * Math.PI * harmonic * ofDay);
      out[at++] = Math.cos(2 * Math.PI * harmonic * ofDay);
    }
    out[at++] = Math.sin(2 * Math.PI * ofHour);
    out[at++] = Math.cos(2 * Math.PI * ofHour);
    out[at++] = ofDay;
    out[at++] = ofHour;
    const weekday = new Date(ms).getUTCDay();
    out[at] = weekday === 0 || weekday === 6 ? 1 : 0;
  }

  /** The smallest multiple of `cycle` that leads from the target back to something known. */
  private back(cycle: number, h: number): number {
    return cycle * Math.max(1, Math.ceil(h / cycle));
  }

  private around(index: number, t: number): number {
    return this.history.meanBetween(index - 2, Math.min(index + 3, t + 1));
  }

  /** How much the series moved over the same stretch one cycle earlier. */
  private cycleChange(t: number, h: number, cycle: number): number {
    const back = this.back(cycle, h);
    if (t - back < 0) return 0;
    return this.around(t + h - back, t) - this.around(t - back, t);
  }

  /** Mean over up to `count` earlier cycles at the phase of `t + h`, each averaged over `± spread` buckets. */
  private cycleMean(t: number, h: number, cycle: number, count: number, spread: number): number {
    let sum = 0;
    let used = 0;
    for (let index = t + h - this.back(cycle, h); used < count && index >= 0; index -= cycle) {
      sum +=
        spread === 0
          ? this.history.filled[index]
          : this.history.meanBetween(index - spread, Math.min(index + spread, t) + 1);
      used++;
    }
    return used > 0 ? sum / used : this.history.filled[t];
  }

  private weekAgo(target: number, h: number): number {
    const index = target - this.back(7 * this.history.day, h);
    return this.around(index >= 0 ? index : target - this.back(this.history.day, h), target - h);
  }

  private meanMovement(t: number, window: number): number {
    let sum = 0;
    for (let i = 0; i < window; i++) sum += Math.abs(this.history.at(t - i) - this.history.at(t - i - 1));
    return sum / window;
  }

  private range(t: number, window: number): [number, number] {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < window; i++) {
      const value = this.history.at(t - i);
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  }

  private medianOf(t: number, window: number): number {
    const sorted = this.sorted.subarray(0, window);
    for (let i = 0; i < window; i++) sorted[i] = this.history.at(t - i);
    return sorted.sort()[window >> 1];
  }

  /** Logarithm of the buckets since the value last stood out from its day, at most half a day. */
  private sincePeak(t: number): number {
    const { history } = this;
    const limit = Math.min(history.day >> 1, 288, t);
    const high = history.meanBetween(t - history.day + 1, t + 1) + 6 * history.movement[t];
    for (let back = 0; back < limit; back++) if (history.filled[t - back] > high) return Math.log1p(back);
    return Math.log1p(limit);
  }
}
