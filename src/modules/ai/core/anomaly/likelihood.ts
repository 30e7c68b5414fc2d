import { clamp } from '../numeric/statistics.js';

/** Plain data of a likelihood. */
export interface LikelihoodState {
  mean: number;
  variance: number;
  count: number;
  recent: number[];
}

/** Upper tail of the standard normal distribution (Abramowitz and Stegun 7.1.26, error below 1.5e-7). */
function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * polynomial * Math.exp(-x * x);
  return z >= 0 ? tail : 1 - tail;
}

/** Surprises, in usual errors, vary by at least this much: a ripple on a flat series is none. */
const LEAST_SPREAD = 0.25;

/**
 * Anomaly likelihood (Lavin and Ahmad 2015): how unlikely the mean of the last few surprises is, given the long run of
 * surprises. A series that is always noisy gets low scores for its noise.
 */
export class AnomalyLikelihood {
  private mean: number;
  private variance: number;
  private count: number;
  private recent: number[];

  /**
   * @param memory surprises that the long run remembers
   * @param short surprises whose mean is judged
   */
  constructor(
    private readonly memory: number,
    private readonly short: number,
    state?: LikelihoodState,
  ) {
    this.mean = state?.mean ?? 0;
    this.variance = state?.variance ?? 0;
    this.count = state?.count ?? 0;
    this.recent = state ? [...state.recent] : [];
  }

  /** Score between 0 and 1 on a logarithmic scale: 0.5 is one in 10^5, 1 is one in 10^10 or rarer. */
  update(surprise: number): number {
    this.recent.push(surprise);
    // what is being judged is no part yet of what it is judged by: a jump would widen the spread that finds it
    const leaving = this.recent.length > this.short ? this.recent.shift()! : null;
    const now = this.recent.reduce((sum, value) => sum + value, 0) / this.recent.length;
    const spread = Math.max(Math.sqrt(this.variance), LEAST_SPREAD);
    const tail = normalTail((now - this.mean) / spread);
    if (leaving !== null) this.learn(leaving);
    return clamp(-Math.log10(Math.max(tail, 1e-10)) / 10, 0, 1);
  }

  state(): LikelihoodState {
    const { mean, variance, count, recent } = this;
    return { mean, variance, count, recent: [...recent] };
  }

  private learn(surprise: number): void {
    this.count = Math.min(this.count + 1, this.memory);
    const change = surprise - this.mean;
    this.mean += change / this.count;
    this.variance += (change * (surprise - this.mean) - this.variance) / this.count;
  }
}
