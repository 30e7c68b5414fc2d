import { Mixture, type MixtureState } from '../forecast/mixture.js';
import { clamp } from '../numeric/statistics.js';
import { type AutoregressionState, OnlineAutoregression } from './autoregression.js';
import { type AnomalyDetector, type AnomalyFinding, type DetectorOptions, Rest } from './detector.js';
import { AnomalyLikelihood, type LikelihoodState } from './likelihood.js';

/** Everything a residual detector knows. */
export interface ResidualState {
  seen: number;
  recent: number[];
  level: number;
  slowLevel: number;
  /** Running mean of the absolute forecast error. */
  scale: number;
  /** Running mean of the absolute level, for the floor of the scale. */
  size: number;
  restLeft: number;
  autoregression: AutoregressionState;
  mixture: MixtureState;
  likelihood: LikelihoodState;
}

const ORDER = 6;
const EXPERTS = 4;
/** The scale is at least this share of the typical size of the values: a flat series has no error at all. */
const SCALE_FLOOR = 0.01;
const MOST_SURPRISE = 12;
/** Half width of the expected range in scales: about 99 of 100 values of a series with normal errors. */
const RANGE = 3.2;

/**
 * The default detector: forecasts the next value (last value, two moving means and an online autoregression, mixed
 * online), divides the error by its usual size and asks how unlikely such errors are in the long run. Costs a few
 * microseconds a value.
 */
export class ResidualDetector implements AnomalyDetector<ResidualState> {
  private readonly warmUp: number;
  private readonly threshold: number;
  private readonly rest: Rest;
  private readonly autoregression: OnlineAutoregression;
  private readonly mixture: Mixture;
  private readonly likelihood: AnomalyLikelihood;
  private recent: number[];
  private seen: number;
  private level: number;
  private slowLevel: number;
  private scale: number;
  private size: number;

  constructor(options: DetectorOptions = {}, state?: ResidualState) {
    this.warmUp = options.warmUp ?? 288;
    this.threshold = options.threshold ?? 0.4;
    this.rest = new Rest(options.rest ?? 144, state?.restLeft);
    this.autoregression = new OnlineAutoregression(ORDER + 1, state?.autoregression);
    this.mixture = new Mixture(EXPERTS, 288, state?.mixture);
    this.likelihood = new AnomalyLikelihood(2000, 3, state?.likelihood);
    this.recent = state ? [...state.recent] : [];
    this.seen = state?.seen ?? 0;
    this.level = state?.level ?? 0;
    this.slowLevel = state?.slowLevel ?? 0;
    this.scale = state?.scale ?? 0;
    this.size = state?.size ?? 0;
  }

  update(timestamp: number, value: number, noise = 0): AnomalyFinding {
    if (!Number.isFinite(value)) return { timestamp, value, score: 0, anomaly: false, expected: null };
    if (this.recent.length < ORDER) return this.begin(timestamp, value);
    const spread = this.spread(noise);
    const inputs = this.inputs(spread);
    const experts = this.experts(inputs, spread);
    const forecast = this.mixture.combine(experts);
    const surprise = Math.min(MOST_SURPRISE, Math.abs(value - forecast) / spread);
    const score = this.likelihood.update(surprise);
    const warm = this.seen >= this.warmUp;
    this.learn(value, forecast, experts, inputs, spread);
    const expected = warm
      ? { value: forecast, lower: forecast - RANGE * spread, upper: forecast + RANGE * spread }
      : null;
    const anomaly = warm && this.rest.admit(score >= this.threshold);
    return { timestamp, value, score: warm ? score : 0, anomaly, expected };
  }

  state(): ResidualState {
    const { seen, level, slowLevel, scale, size } = this;
    return {
      seen,
      level,
      slowLevel,
      scale,
      size,
      recent: [...this.recent],
      restLeft: this.rest.left,
      autoregression: this.autoregression.state(),
      mixture: this.mixture.state(),
      likelihood: this.likelihood.state(),
    };
  }

  private begin(timestamp: number, value: number): AnomalyFinding {
    if (this.recent.length === 0) {
      this.level = value;
      this.slowLevel = value;
      this.size = Math.abs(value);
    } else {
      const change = Math.abs(value - this.recent[this.recent.length - 1]);
      this.scale += (change - this.scale) / this.recent.length;
    }
    this.remember(value);
    return { timestamp, value, score: 0, anomaly: false, expected: null };
  }

  private spread(noise: number): number {
    return Math.max(this.scale, noise, SCALE_FLOOR * this.size, Number.MIN_VALUE * 1e10);
  }

  /** The last values as distances from the level in scales, drawn in, and a constant. */
  private inputs(spread: number): Float64Array {
    const inputs = new Float64Array(ORDER + 1);
    for (let k = 0; k < ORDER; k++)
      inputs[k] = clamp((this.recent[this.recent.length - 1 - k] - this.slowLevel) / spread, -20, 20);
    inputs[ORDER] = 1;
    return inputs;
  }

  private experts(inputs: Float64Array, spread: number): Float64Array {
    const predicted = clamp(this.autoregression.predict(inputs), -25, 25) * spread + this.slowLevel;
    return Float64Array.of(this.recent[this.recent.length - 1], this.level, this.slowLevel, predicted);
  }

  private learn(
    value: number,
    forecast: number,
    experts: Float64Array,
    inputs: Float64Array,
    spread: number,
  ): void {
    const error = Math.abs(value - forecast);
    const drawnIn = this.slowLevel + clamp((value - this.slowLevel) / spread, -20, 20) * spread;
    this.autoregression.update(inputs, (drawnIn - this.slowLevel) / spread);
    this.mixture.update(experts, value);
    this.scale += 0.01 * (Math.min(error, 5 * spread) - this.scale);
    this.size += 0.005 * (Math.min(Math.abs(value), 5 * this.size + spread) - this.size);
    this.remember(value);
  }

  private remember(value: number): void {
    this.seen++;
    this.level += 0.3 * (value - this.level);
    this.slowLevel += 0.03 * (value - this.slowLevel);
    this.recent.push(value);
    if (this.recent.length > ORDER) this.recent.shift();
  }
}
