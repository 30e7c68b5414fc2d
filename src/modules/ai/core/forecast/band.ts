import { type Expert, NAIVE, predictorOf } from './experts.js';
import type { FeatureBuilder } from './features.js';
import { FEATURES } from './features.js';
import type { History } from './history.js';
import { AdaptiveInterval } from './interval.js';
import { Mixture } from './mixture.js';
import { type BandModel, MIXTURE } from './model.js';
import { Trust } from './trust.js';

interface Pending {
  target: number;
  last: number;
  changes: Float64Array;
  /** What the mixture expected, before {@link Trust}. */
  mixed: number;
  change: number;
  scale: number;
  widths: number[];
}

/** One forecast that has met its target. */
export interface Settled {
  target: number;
  actual: number;
  /** The naive forecast. */
  last: number;
  forecast: number;
  /** What each expert said. */
  experts: Float64Array;
  /** Half widths of the interval when the forecast was made, by level; empty before the first error. */
  widths: number[];
}

/**
 * Runs the experts of one band along a series: forecasts at every bucket, and learns from each forecast once its
 * target is known. The same code measures a model on its hold-out, brings a stored model up to date and serves it.
 */
export class BandRunner {
  private experts: Expert[];
  private predictors: ((row: Float64Array) => number)[];
  private readonly mixture: Mixture;
  private readonly trust: Trust;
  private readonly interval: AdaptiveInterval;
  private readonly row = new Float64Array(FEATURES);
  private pending: Pending[] = [];
  servedBy: string;

  constructor(
    private readonly model: Omit<BandModel, 'mixture' | 'trust' | 'interval'> &
      Partial<Pick<BandModel, 'mixture' | 'trust' | 'interval'>>,
    private readonly features: FeatureBuilder,
    private readonly history: History,
    halfLife: number,
  ) {
    this.experts = model.experts;
    this.predictors = model.experts.map(predictorOf);
    this.mixture = new Mixture(model.experts.length, halfLife, model.mixture);
    this.trust = new Trust(halfLife, model.trust);
    this.interval = new AdaptiveInterval(model.interval);
    this.servedBy = model.servedBy;
  }

  /** Puts newly fitted experts in the place of those with the same names; what was learnt of their errors stays. */
  replace(experts: Expert[]): void {
    this.experts = experts;
    this.predictors = experts.map(predictorOf);
  }

  /** Learns from forecasts whose target is bucket `t`, then forecasts from there. */
  step(t: number): Settled | null {
    const settled = this.settle(t);
    const { measured } = this.model;
    const changes = this.changes(t, measured);
    this.pending.push({
      target: t + measured,
      last: this.history.filled[t],
      changes,
      mixed: this.mixture.combine(changes),
      change: this.choose(changes),
      scale: this.interval.currentScale,
      widths: this.interval.known ? this.interval.widths() : [],
    });
    return settled;
  }

  /** Forecast of bucket `t + h` from what is known at `t`. */
  forecast(t: number, h: number, level: number): { value: number; halfWidth: number } {
    return {
      value: this.history.filled[t] + this.choose(this.changes(t, h)),
      halfWidth: this.interval.halfWidth(level),
    };
  }

  /** The band as plain data. */
  state(): BandModel {
    const { from, to, measured } = this.model;
    return {
      from,
      to,
      measured,
      experts: this.experts,
      servedBy: this.servedBy,
      mixture: this.mixture.state(),
      trust: this.trust.state(),
      interval: this.interval.state(),
    };
  }

  private changes(t: number, h: number): Float64Array {
    this.features.write(t, h, this.row);
    return Float64Array.from(this.predictors, (predict) => predict(this.row));
  }

  private choose(changes: Float64Array): number {
    if (this.servedBy === MIXTURE) return this.trust.share * this.mixture.combine(changes);
    if (this.servedBy === NAIVE) return 0;
    return changes[this.experts.findIndex((expert) => expert.name === this.servedBy)];
  }

  private settle(t: number): Settled | null {
    if (this.pending.length === 0 || this.pending[0].target !== t) return null;
    const { target, last, changes, mixed, change, scale, widths } = this.pending.shift() as Pending;
    const actual = this.history.observed[t];
    if (Number.isNaN(actual)) return null;
    this.mixture.update(changes, actual - last);
    this.trust.update(mixed, actual - last);
    this.interval.update(actual - last - change, scale, widths);
    return {
      target,
      actual,
      last,
      forecast: last + change,
      experts: changes.map((value) => value + last),
      widths,
    };
  }
}
