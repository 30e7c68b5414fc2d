import { Progress } from '../progress.js';
import { BandRunner, type Settled } from './band.js';
import { findCycles } from './cycles.js';
import { FeatureBuilder } from './features.js';
import { type FitPlan, fitBands } from './fit.js';
import { History } from './history.js';
import { LEVELS } from './interval.js';
import { MIXTURE } from './model.js';
import type { Grid } from './series.js';

export interface RollingOptions extends Omit<FitPlan, 'modelType'> {
  /** Horizons in buckets, each with experts of its own. */
  horizons: readonly number[];
  /** Share of the buckets before the first forecast that counts. */
  trainShare: number;
  /** Share of the buckets before the first forecast at all: between the two, the mixture and the intervals warm up. */
  warmShare: number;
}

/** One forecast with what came. */
export interface RollingForecast {
  target: number;
  actual: number;
  forecast: number;
  /** The last value known when the forecast was made. */
  naive: number;
  lower: number;
  upper: number;
}

/** The experts are fitted again after a day, or after the history has grown by this share if that is later. */
const REFIT_GROWTH = 0.03;
const REPORTED = LEVELS.indexOf(0.9);

/**
 * Rolling-origin evaluation as the forecaster would have run live: at every bucket a forecast from what was known then,
 * experts fitted again about once a day, the mixture and the 90 % interval learning from each error when it comes out.
 *
 * @returns the forecasts of each horizon whose origin lies after the training share and whose target was observed
 */
export function rollingForecasts(grid: Grid, options: RollingOptions): RollingForecast[][] {
  const { horizons, trainShare, warmShare } = options;
  const history = new History(grid.startMs, grid.stepMs, grid.values);
  const start = Math.floor(history.length * trainShare);
  const warm = Math.floor(history.length * warmShare);
  const features = new FeatureBuilder(history, {
    cycles: findCycles(history.filled.slice(0, start), grid.stepMs),
  });
  const bands = horizons.map((horizon) => ({ from: horizon, to: horizon, measured: horizon }));
  const fitted = (end: number) =>
    fitBands(history, features, bands, end, { ...options, modelType: 'auto' }, new Progress({}));
  const first = fitted(warm);
  const runners = bands.map(
    (band, i) =>
      new BandRunner({ ...band, experts: first[i], servedBy: MIXTURE }, features, history, 2 * history.day),
  );
  const results: RollingForecast[][] = bands.map(() => []);
  let refitAt = nextRefit(history, warm);
  for (let t = warm; t < history.length; t++) {
    if (t === refitAt) {
      const experts = fitted(t);
      runners.forEach((runner, i) => {
        runner.replace(experts[i]);
      });
      refitAt = nextRefit(history, t);
    }
    runners.forEach((runner, i) => {
      const settled = runner.step(t);
      if (settled && settled.target - horizons[i] >= start) results[i].push(asForecast(settled));
    });
  }
  return results;
}

function nextRefit(history: History, now: number): number {
  return now + Math.max(history.day, Math.ceil(now * REFIT_GROWTH));
}

function asForecast({ target, actual, forecast, last, widths }: Settled): RollingForecast {
  const halfWidth = widths[REPORTED] ?? 0;
  return { target, actual, forecast, naive: last, lower: forecast - halfWidth, upper: forecast + halfWidth };
}
