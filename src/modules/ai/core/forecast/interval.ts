import { clamp, quantileOfSorted, significant } from '../numeric/statistics.js';

/** Plain data of an interval. */
export interface IntervalState {
  /** Errors over the scale that held when they were made, oldest first. */
  scores: number[];
  /** Miscoverage that is aimed at now, one for each of {@link LEVELS}. */
  miss: number[];
  /** Running mean of the absolute error. */
  scale: number;
}

/** Confidence levels that are tracked; others are interpolated between them. */
export const LEVELS = [0.5, 0.8, 0.9, 0.95, 0.99] as const;
const WINDOW = 500;
const GAIN = 0.004;
const SCALE_RATE = 0.03;
/** After misses in a row the miscoverage aimed at falls below 0: the widest known interval is then stretched. */
const LOWEST_MISS = -0.3;
const BEYOND = 2;

/**
 * Adaptive conformal prediction interval (Gibbs and Candès 2021): the width is a quantile of the recent errors, each
 * over the scale of its time, and the quantile moves up after a miss and down after a hit, so that the coverage holds
 * in the long run whatever the series does.
 */
export class AdaptiveInterval {
  private readonly scores: number[];
  private readonly miss: number[];
  private scale: number;
  private sorted: Float64Array | null = null;

  constructor(state?: IntervalState) {
    this.scores = state ? [...state.scores] : [];
    this.miss = state ? [...state.miss] : LEVELS.map((level) => 1 - level);
    this.scale = state?.scale ?? 0;
  }

  /**
   * Half width of the interval now, in units of the series; 0 before the first error was seen.
   *
   * @param level confidence, above 0 and below 1
   */
  halfWidth(level: number): number {
    if (this.scores.length === 0) return 0;
    this.sorted ??= Float64Array.from(this.scores).sort();
    const miss = this.missAt(level);
    const beyond = miss < 0 ? 1 - BEYOND * miss : 1;
    return quantileOfSorted(this.sorted, 1 - miss) * beyond * this.scale;
  }

  /**
   * Learns from an error that came out.
   *
   * @param error actual less forecast
   * @param scale the scale when the forecast was made, see {@link currentScale}
   * @param widths half widths for {@link LEVELS} when the forecast was made; empty when there was no interval yet
   */
  update(error: number, scale: number, widths: readonly number[]): void {
    const size = Math.abs(error);
    widths.forEach((width, i) => {
      const moved = this.miss[i] + GAIN * (1 - LEVELS[i] - (size > width ? 1 : 0));
      this.miss[i] = clamp(moved, LOWEST_MISS, 1);
    });
    const floor = scale > 0 ? scale : size;
    this.scores.push(floor > 0 ? size / floor : 0);
    if (this.scores.length > WINDOW) this.scores.shift();
    this.scale =
      this.scale === 0 ? size : this.scale + SCALE_RATE * (Math.min(size, 8 * this.scale) - this.scale);
    this.sorted = null;
  }

  /** Typical error now; 0 while it is not known. */
  get currentScale(): number {
    return this.scale;
  }

  /** Whether enough errors were seen for an interval. */
  get known(): boolean {
    return this.scores.length >= 20;
  }

  /** Half widths for {@link LEVELS}. */
  widths(): number[] {
    return LEVELS.map((level) => this.halfWidth(level));
  }

  state(): IntervalState {
    return {
      scores: this.scores.map((score) => significant(score, 6)),
      miss: [...this.miss],
      scale: this.scale,
    };
  }

  private missAt(level: number): number {
    const above = LEVELS.findIndex((known) => known >= level);
    if (above === 0) return clamp(this.miss[0] + LEVELS[0] - level, 0, 1);
    if (above < 0) return Math.min(this.miss[LEVELS.length - 1], 1 - level);
    const share = (level - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1]);
    return this.miss[above - 1] + share * (this.miss[above] - this.miss[above - 1]);
  }
}
