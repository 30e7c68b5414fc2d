/** How good a forecast was, over the targets that were observed. `null` where it cannot be known. */
export interface ForecastMetrics {
  /** Mean absolute error over the in-sample mean absolute change from bucket to bucket (Hyndman and Koehler 2006). */
  mase: number | null;
  /** The naive forecast's MASE on the same targets. */
  naive_mase: number | null;
  /** Symmetric mean absolute percentage error, 0 to 200. */
  smape: number | null;
  /** Sum of absolute errors over the sum of absolute values. */
  wape: number | null;
  /** 1 − WAPE. Says little without its baseline: a flat series gives the naive forecast 98 %. */
  accuracy: number | null;
  /** The naive forecast's accuracy on the same targets. */
  baseline_accuracy: number | null;
  /** 1 − error / naive error: 0 is no better than naive, 1 is perfect. */
  skill: number | null;
  /** Share of targets within the prediction interval. */
  coverage: number | null;
  /** Targets that were compared. */
  samples: number;
}

/** Adds up forecasts against what came. */
export class MetricsTally {
  samples = 0;
  private error = 0;
  private naiveError = 0;
  private level = 0;
  private symmetric = 0;
  private inside = 0;
  private intervals = 0;

  /**
   * @param actual what came
   * @param forecast what was forecast
   * @param naive the last value known when the forecast was made
   * @param covered whether the interval held it; undefined when there was no interval
   */
  add(actual: number, forecast: number, naive: number, covered?: boolean): void {
    this.samples++;
    const error = Math.abs(actual - forecast);
    this.error += error;
    this.naiveError += Math.abs(actual - naive);
    this.level += Math.abs(actual);
    const size = Math.abs(actual) + Math.abs(forecast);
    this.symmetric += size > 0 ? (2 * error) / size : 0;
    if (covered !== undefined) {
      this.intervals++;
      if (covered) this.inside++;
    }
  }

  /** Mean absolute error; null without targets. */
  get meanError(): number | null {
    return this.samples > 0 ? this.error / this.samples : null;
  }

  /** Mean absolute error of the naive forecast; null without targets. */
  get meanNaiveError(): number | null {
    return this.samples > 0 ? this.naiveError / this.samples : null;
  }

  /** @param scale mean absolute change from bucket to bucket of the training part, for MASE */
  summary(scale: number): ForecastMetrics {
    const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : null);
    const wape = ratio(this.error, this.level);
    const naiveWape = ratio(this.naiveError, this.level);
    const relative = ratio(this.error, this.naiveError);
    return {
      mase: ratio(this.error, scale * this.samples),
      naive_mase: ratio(this.naiveError, scale * this.samples),
      smape: this.samples > 0 ? (100 * this.symmetric) / this.samples : null,
      wape,
      accuracy: wape === null ? null : 1 - wape,
      baseline_accuracy: naiveWape === null ? null : 1 - naiveWape,
      skill: relative === null ? null : 1 - relative,
      coverage: ratio(this.inside, this.intervals),
      samples: this.samples,
    };
  }
}

/** Mean absolute change between neighbouring observed buckets before `end`: the scale of MASE. */
export function meanAbsoluteChange(values: Float64Array, end = values.length): number {
  let sum = 0;
  let count = 0;
  for (let i = 1; i < end; i++) {
    const change = Math.abs(values[i] - values[i - 1]);
    if (Number.isNaN(change)) continue;
    sum += change;
    count++;
  }
  return count > 0 ? sum / count : 0;
}
