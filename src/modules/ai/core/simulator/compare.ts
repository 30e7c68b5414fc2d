import { setImmediate as breathe } from 'node:timers/promises';
import { InvalidInputError } from '../errors.js';
import { Random } from '../numeric/random.js';
import { LatencyHistogram } from './latency-histogram.js';
import { arrivalsOf, type BalancerFactory, replayTrace, STRETCHES } from './replay.js';
import { type RecordedTraffic, randomByBackend } from './samples.js';
import { ServiceModel } from './service-model.js';

/** Below so many random samples of any backend no figure is shown. */
export const MIN_SUPPORT = 200;
/** At most so many requests are replayed, the latest. */
const MAX_REQUESTS = 40_000;
const RESAMPLES = 400;
/** An algorithm whose error rate is higher than the lowest by more than this is not recommended for its latency. */
const TOLERATED_ERRORS = 0.001;
/** Figures within this share of each other are not told apart: the simulation is no more exact. */
const RESOLUTION = 0.05;

/** What the replay says of one algorithm; figures are null when the support is too small. */
interface AlgorithmFigures {
  algorithm: string;
  p50_ms: number | null;
  p99_ms: number | null;
  error_rate: number | null;
  /** Requests that were replayed. */
  sample_size: number;
  /** Random samples of the backend that has fewest. */
  support: number;
}

/** The comparison of all algorithms on one recorded trace. */
export interface AlgorithmComparison {
  sample_size: number;
  support: number;
  algorithms: AlgorithmFigures[];
  recommended_algorithm: string | null;
  /**
   * Share of paired bootstrap resamples of the trace (20 stretches drawn with replacement, the same for all algorithms)
   * in which the recommended algorithm is the best, or within 5 % of it; null without a recommendation.
   */
  confidence: number | null;
}

interface Measured {
  algorithm: string;
  stretches: LatencyHistogram[];
}

interface Score {
  algorithm: string;
  p99: number;
  errors: number;
}

function total(stretches: readonly LatencyHistogram[], times: ArrayLike<number>): LatencyHistogram {
  const sum = new LatencyHistogram();
  stretches.forEach((stretch, i) => {
    if (times[i] > 0) sum.merge(stretch, times[i]);
  });
  return sum;
}

function scores(measured: readonly Measured[], times: ArrayLike<number>): Score[] {
  return measured.map(({ algorithm, stretches }) => {
    const sum = total(stretches, times);
    return { algorithm, p99: sum.quantile(0.99), errors: sum.errorRate };
  });
}

/** Lowest p99 among those whose error rate is not above the lowest by more than what is tolerated. */
function best(candidates: readonly Score[]): Score {
  const fewest = Math.min(...candidates.map(({ errors }) => errors));
  const fit = candidates.filter(({ errors }) => errors <= fewest + TOLERATED_ERRORS);
  return fit.reduce((a, b) => (b.p99 < a.p99 ? b : a));
}

function confidenceIn(algorithm: string, measured: readonly Measured[], random: Random): number {
  let wins = 0;
  for (let resample = 0; resample < RESAMPLES; resample++) {
    const times = new Uint8Array(STRETCHES);
    for (let i = 0; i < STRETCHES; i++) times[random.integer(STRETCHES)]++;
    const drawn = scores(measured, times);
    const winner = best(drawn);
    const own = drawn.find((score) => score.algorithm === algorithm) as Score;
    const near = own.p99 <= winner.p99 * (1 + RESOLUTION) && own.errors <= winner.errors + TOLERATED_ERRORS;
    if (near) wins++;
  }
  return wins / RESAMPLES;
}

function withoutFigures(algorithms: string[], sampleSize: number, support: number): AlgorithmComparison {
  const none = { p50_ms: null, p99_ms: null, error_rate: null, sample_size: sampleSize, support };
  return {
    sample_size: sampleSize,
    support,
    algorithms: algorithms.map((algorithm) => ({ algorithm, ...none })),
    recommended_algorithm: null,
    confidence: null,
  };
}

/**
 * Replays recorded traffic through balancing algorithms; other work runs between two of them, as one replay takes tens
 * of milliseconds. Only requests whose backend was drawn at random tell how a backend does (a log of an algorithm's own
 * choices misled by up to 242 % when it was tried); all recorded requests give the arrival times.
 *
 * @param factories a fresh balancer for each algorithm's name
 * @throws InvalidInputError on a recorded share that is none
 */
export async function compareAlgorithms(
  traffic: RecordedTraffic,
  factories: Readonly<Record<string, BalancerFactory>>,
  seed = 1,
): Promise<AlgorithmComparison> {
  const { requests, backends, recordedShare } = traffic;
  if (!(recordedShare > 0 && recordedShare <= 1))
    throw new InvalidInputError('the recorded share must be above 0 and at most 1');
  const names = Object.keys(factories);
  if (requests.length === 0 || backends.length === 0) return withoutFigures(names, 0, 0);
  const groups = randomByBackend(traffic);
  const support = Math.min(...groups.map((group) => group.length));
  if (support < MIN_SUPPORT) return withoutFigures(names, requests.length, support);
  const models = groups.map((group) => new ServiceModel(group));
  const arrivals = arrivalsOf(traffic, MAX_REQUESTS, new Random(seed));
  const measured: Measured[] = [];
  for (const algorithm of names) {
    const random = new Random(seed + 1);
    const balancer = factories[algorithm](backends, () => random.next());
    measured.push({ algorithm, stretches: replayTrace(arrivals, models, balancer, seed + 2) });
    await breathe();
  }
  const whole = new Uint8Array(STRETCHES).fill(1);
  const recommended = best(scores(measured, whole)).algorithm;
  return {
    sample_size: requests.length,
    support,
    algorithms: measured.map(({ algorithm, stretches }) => {
      const sum = total(stretches, whole);
      return {
        algorithm,
        p50_ms: sum.quantile(0.5),
        p99_ms: sum.quantile(0.99),
        error_rate: sum.errorRate,
        sample_size: requests.length,
        support,
      };
    }),
    recommended_algorithm: recommended,
    confidence: confidenceIn(recommended, measured, new Random(seed + 3)),
  };
}
