import type { Random } from '../numeric/random.js';
import { mean } from '../numeric/statistics.js';
import type { RecordedRequest } from './samples.js';

/** How long a simulated request takes and whether it fails. */
export interface Outcome {
  latencyMs: number;
  failed: boolean;
}

/** Samples nearest in time that an outcome is drawn from. */
const NEIGHBOURS = 12;
/** A request in flight slows the others down by at most this factor of the unloaded time. */
const MAX_SLOWING = 5;
/** Samples next to each other in time that are compared. */
const BLOCK = 12;
/** A slowing that explains less than one per cent is none. */
const LEAST_GAIN = 0.99;

/** Mean distance of the logarithms of the unloaded times from the mean of their block, for a supposed slowing. */
function dispersion(serviceMs: readonly number[], inFlight: readonly number[], slowing: number): number {
  let sum = 0;
  for (let from = 0; from < serviceMs.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, serviceMs.length);
    const logs: number[] = [];
    for (let i = from; i < to; i++)
      logs.push(Math.log(Math.max(serviceMs[i], 0.001) / (1 + slowing * inFlight[i])));
    const centre = mean(logs);
    for (const log of logs) sum += Math.abs(log - centre);
  }
  return sum / serviceMs.length;
}

/**
 * Share by which each request in flight lengthens the others on a backend: the one that leaves the least unexplained
 * among samples close in time. Comparing samples far apart would take a slow spell, in which requests pile up, for an
 * effect of the pile.
 *
 * @param serviceMs by arrival
 * @param inFlight others in flight at each arrival
 */
export function slowingOf(serviceMs: readonly number[], inFlight: readonly number[]): number {
  const grid = [0, ...Array.from({ length: 60 }, (_, i) => 0.01 * (MAX_SLOWING / 0.01) ** (i / 59))];
  const left = grid.map((slowing) => dispersion(serviceMs, inFlight, slowing));
  const best = left.indexOf(Math.min(...left));
  return left[best] < LEAST_GAIN * left[0] ? grid[best] : 0;
}

/**
 * A backend as its recorded random share shows it: a request takes what one of the recorded requests nearest in time
 * would have taken on the idle backend, lengthened by the requests in flight. Slow spells and failures of the recording
 * thus come at the time when they came.
 */
export class ServiceModel {
  private readonly arrivals: Float64Array;
  private readonly unloaded: Float64Array;
  private readonly failed: boolean[];
  private readonly slowing: number;

  /** @param requests of one backend, by arrival */
  constructor(requests: readonly Required<RecordedRequest>[]) {
    const inFlight = requests.map((request) => request.inFlight);
    const good = requests.flatMap(({ error }, i) => (error ? [] : [i]));
    this.slowing = slowingOf(
      good.map((i) => requests[i].serviceMs),
      good.map((i) => inFlight[i]),
    );
    this.arrivals = Float64Array.from(requests, ({ arrivalMs }) => arrivalMs);
    this.unloaded = Float64Array.from(requests, ({ serviceMs, error }, i) =>
      error ? serviceMs : serviceMs / (1 + this.slowing * inFlight[i]),
    );
    this.failed = requests.map(({ error }) => error);
  }

  /** Draws what a request that arrives now would meet. Failures take the time they took, whatever the load. */
  draw(now: number, inFlight: number, random: Random): Outcome {
    const nearest = this.nearest(now);
    const from = Math.max(0, Math.min(nearest - NEIGHBOURS / 2, this.arrivals.length - NEIGHBOURS));
    const drawn = Math.min(from + random.integer(NEIGHBOURS), this.arrivals.length - 1);
    const failed = this.failed[drawn];
    const latencyMs = this.unloaded[drawn] * (failed ? 1 : 1 + this.slowing * inFlight);
    return { latencyMs, failed };
  }

  private nearest(now: number): number {
    let low = 0;
    let high = this.arrivals.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.arrivals[middle] < now) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
