import type { Progress } from '../progress.js';
import type { BandRunner, Settled } from './band.js';
import { NAIVE } from './experts.js';
import { AdaptiveInterval, type IntervalState, LEVELS } from './interval.js';
import { type ForecastMetrics, MetricsTally } from './metrics.js';
import { type Band, MIXTURE, type ModelType } from './model.js';

/** Index of the level that coverage is reported for: 90 %. */
const REPORTED = LEVELS.indexOf(0.9);

/** One band's forecasts over the hold-out, with the names of the experts behind them. */
export interface BandRun {
  band: Band;
  names: string[];
  settled: Settled[];
}

/** What one candidate said in a forecast. */
function saidBy(candidate: string, run: BandRun, settled: Settled): number {
  return candidate === MIXTURE ? settled.forecast : settled.experts[run.names.indexOf(candidate)];
}

/** Runs every band over buckets `from` to before `to`, as it would have run live. */
export function replay(runners: BandRunner[], from: number, to: number, progress: Progress): Settled[][] {
  const settled: Settled[][] = runners.map(() => []);
  for (let t = from; t < to; t++) {
    runners.forEach((runner, i) => {
      const result = runner.step(t);
      if (result) settled[i].push(result);
    });
    if ((t & 31) === 0) progress.report('evaluation', t - from + 1, to - from);
  }
  return settled;
}

function meanError(run: BandRun, candidate: string): number {
  return (
    run.settled.reduce((sum, s) => sum + Math.abs(s.actual - saidBy(candidate, run, s)), 0) /
    run.settled.length
  );
}

/** Error of every candidate over the naive error, geometric mean over the bands; null where naive made none. */
export function compare(runs: BandRun[], candidates: string[]): Record<string, number | null> {
  const relative = (candidate: string) => {
    const ratios = runs
      .map((run) => meanError(run, candidate) / meanError(run, NAIVE))
      .filter(Number.isFinite);
    if (ratios.length === 0) return null;
    return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(Math.max(ratio, 1e-6)), 0) / ratios.length);
  };
  return Object.fromEntries(candidates.map((candidate) => [candidate, relative(candidate)]));
}

/** The mixture adapts to what comes after the hold-out: a single expert must beat it by this share to be preferred. */
const PREFERENCE = 0.05;

/** The candidate with the lowest relative error, the mixture for preference; naive where nothing is below it. */
export function pick(relative: Record<string, number | null>): string {
  const lowest = Object.entries(relative).reduce(
    (best, [name, error]) => (error !== null && error < (relative[best] ?? 1) ? name : best),
    NAIVE,
  );
  const mixed = relative[MIXTURE] ?? null;
  return mixed !== null && mixed < 1 && (1 - PREFERENCE) * mixed <= (relative[lowest] ?? 1)
    ? MIXTURE
    : lowest;
}

/** Candidates that a model type may be served by. */
export function candidatesOf(names: string[], modelType: ModelType): string[] {
  return modelType === 'auto' ? [...names, MIXTURE] : names;
}

/** One band as it will be served: by the choice, or by the naive forecast where the choice lost to it. */
export interface JudgedBand {
  band: Band;
  servedBy: string;
  metrics: ForecastMetrics;
  interval: IntervalState;
}

/**
 * Measures what will be served and lets its interval learn from the same errors, each only once it had come out.
 *
 * @param total gets the same forecasts, to sum over bands
 */
export function judge(run: BandRun, choice: string, scale: number, total: MetricsTally): JudgedBand {
  const servedBy = meanError(run, choice) < meanError(run, NAIVE) ? choice : NAIVE;
  const interval = new AdaptiveInterval();
  const tally = new MetricsTally();
  const waiting: { settled: Settled; forecast: number; scale: number; widths: number[] }[] = [];
  const settle = (before: number) => {
    while (waiting.length > 0 && waiting[0].settled.target <= before) {
      const { settled, forecast, scale: scaleThen, widths } = waiting.splice(0, 1)[0];
      const error = settled.actual - forecast;
      const covered = widths.length > 0 ? Math.abs(error) <= widths[REPORTED] : undefined;
      for (const to of [tally, total]) to.add(settled.actual, forecast, settled.last, covered);
      interval.update(error, scaleThen, widths);
    }
  };
  for (const settled of run.settled) {
    settle(settled.target - run.band.measured);
    const forecast = saidBy(servedBy, run, settled);
    const widths = interval.known ? interval.widths() : [];
    waiting.push({ settled, forecast, scale: interval.currentScale, widths });
  }
  settle(Number.POSITIVE_INFINITY);
  return { band: run.band, servedBy, metrics: tally.summary(scale), interval: interval.state() };
}
