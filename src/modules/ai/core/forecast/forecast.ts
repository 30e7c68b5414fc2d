import { InvalidInputError } from '../errors.js';
import { BandRunner } from './band.js';
import { FeatureBuilder } from './features.js';
import { History } from './history.js';
import { type ForecastModel, longestHorizon } from './model.js';
import { bucket, type SeriesInput, type TimedValue } from './series.js';

/** One step of a forecast. */
export interface ForecastPoint {
  /** Start of the bucket, ISO 8601 UTC. */
  timestamp: string;
  value: number;
  lower: number;
  upper: number;
}

export interface ForecastOptions {
  /** Share of the actual values that the interval is to hold; default 0.9. */
  confidence?: number;
}

/** At most so many buckets may lie between the model's data and the end of the recent values. */
const MAX_RECENT = 50_000;

function asPoints(recent: SeriesInput): readonly TimedValue[] {
  if (Array.isArray(recent)) return recent as readonly TimedValue[];
  const { startMs, stepMs, values } = recent as Exclude<SeriesInput, readonly TimedValue[]>;
  return Array.from(values, (value, i) => ({ timestamp: startMs + i * stepMs, value: value ?? Number.NaN }));
}

/**
 * A stored model, brought up to date and asked. It may be kept and fed: {@link observe} costs well under a millisecond
 * a bucket.
 */
export class Forecaster {
  private readonly history: History;
  private readonly runners: BandRunner[];

  /** @param recent values after the training series, in any order; those within it are ignored */
  constructor(
    private readonly model: ForecastModel,
    recent: SeriesInput = [],
  ) {
    const { tail, stepMs } = model;
    const values = tail.values.map((value) => value ?? Number.NaN);
    this.history = new History(tail.startMs, stepMs, values);
    const features = new FeatureBuilder(this.history, { cycles: model.cycles });
    this.runners = model.bands.map((band) => new BandRunner(band, features, this.history, model.halfLife));
    this.observeAll(asPoints(recent));
  }

  /** Adds the next bucket (NaN when nothing was observed), and learns how good the last forecasts were. */
  observe(value: number): void {
    this.history.append(value);
    for (const runner of this.runners) runner.step(this.history.length - 1);
  }

  /**
   * @param horizon how many buckets ahead
   * @throws InvalidInputError when that is more than the model was trained for
   */
  forecast(horizon: number, { confidence = 0.9 }: ForecastOptions = {}): ForecastPoint[] {
    const longest = longestHorizon(this.model);
    if (!Number.isInteger(horizon) || horizon < 1 || horizon > longest)
      throw new InvalidInputError(`this model forecasts 1 to ${longest} steps, ${horizon} were asked for`);
    if (!(confidence > 0 && confidence < 1))
      throw new InvalidInputError('the confidence must be between 0 and 1');
    return Array.from({ length: horizon }, (_, i) => this.point(i + 1, confidence));
  }

  private point(h: number, confidence: number): ForecastPoint {
    const t = this.history.length - 1;
    const band = this.model.bands.findIndex(({ to }) => h <= to);
    const { value, halfWidth } = this.runners[band].forecast(t, h, confidence);
    const floor = this.model.nonNegative ? 0 : Number.NEGATIVE_INFINITY;
    const kept = Math.max(floor, value);
    return {
      timestamp: new Date(this.history.timeOf(t + h)).toISOString(),
      value: kept,
      lower: Math.max(floor, kept - halfWidth),
      upper: kept + halfWidth,
    };
  }

  private observeAll(points: readonly TimedValue[]): void {
    const { stepMs } = this.model;
    const startMs = this.history.timeOf(this.history.length);
    const last = points.reduce(
      (latest, { timestamp }) => Math.max(latest, new Date(timestamp).getTime()),
      startMs - stepMs,
    );
    const length = Math.round((last - startMs) / stepMs) + 1;
    if (!(length <= MAX_RECENT))
      throw new InvalidInputError(`recent values end ${length} steps after the model's data`);
    if (length > 0) for (const value of bucket(points, startMs, stepMs, length)) this.observe(value);
  }
}

/**
 * Forecasts the buckets after the last known value.
 *
 * @param recent values after those the model was trained on, if there are any
 * @param horizon buckets ahead, 1 to the model's longest
 * @throws InvalidInputError
 */
export function forecast(
  model: ForecastModel,
  recent: SeriesInput,
  horizon: number,
  options: ForecastOptions = {},
): ForecastPoint[] {
  return new Forecaster(model, recent).forecast(horizon, options);
}
