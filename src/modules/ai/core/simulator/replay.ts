import { Random } from '../numeric/random.js';
import { LatencyHistogram } from './latency-histogram.js';
import type { RecordedTraffic } from './samples.js';
import type { ServiceModel } from './service-model.js';

/**
 * A balancing algorithm as the simulator drives it. To plug in the engine's own: hold one engine candidate a backend,
 * and in `choose` call the engine's `pick` with all of them and `{ now, clientAddress: client }`; raise and lower the
 * candidate's `load.inFlight` in `started` and `finished`, and pass those on to `onStart`, `onResponse`, `onFailure`.
 */
export interface SimulatedBalancer {
  /** Index of the backend for a request that arrives at `now` (ms). */
  choose(now: number, client: string): number;
  started(backend: number, now: number): void;
  finished(backend: number, latencyMs: number, failed: boolean, now: number): void;
}

/** Makes a fresh balancer; `random` is uniform on [0, 1). */
export type BalancerFactory = (
  backends: RecordedTraffic['backends'],
  random: () => number,
) => SimulatedBalancer;

/** The trace is cut into so many stretches of equal numbers of requests, for the bootstrap. */
export const STRETCHES = 20;
/** A made-up client address is one of so many, for algorithms that look at it. */
const CLIENTS = 1000;
/** The first share of a replay lets the algorithms learn and is not counted. */
const WARM_UP = 0.05;

/** Requests under way, the one that ends first on top: a binary heap. */
class Underway {
  private readonly items: { end: number; backend: number; latencyMs: number; failed: boolean }[] = [];

  push(item: { end: number; backend: number; latencyMs: number; failed: boolean }): void {
    const { items } = this;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent].end <= item.end) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the next that ends at or before `now`. */
  popUntil(now: number): { end: number; backend: number; latencyMs: number; failed: boolean } | undefined {
    const { items } = this;
    if (items.length === 0 || items[0].end > now) return undefined;
    const [first] = items;
    const last = items.pop() as typeof first;
    if (items.length > 0) this.sink(last);
    return first;
  }

  private sink(item: { end: number; backend: number; latencyMs: number; failed: boolean }): void {
    const { items } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1].end < items[child].end) child++;
      if (items[child].end >= item.end) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = item;
  }
}

/**
 * Arrival times of all requests, from those that were recorded: where only a share was, as many as are missing are
 * spread evenly at random over the time to the next recorded one.
 */
export function arrivalsOf(
  { requests, recordedShare }: RecordedTraffic,
  limit: number,
  random: Random,
): Float64Array {
  const recorded = Float64Array.from(requests, ({ arrivalMs }) => arrivalMs).sort();
  const copies = 1 / recordedShare;
  const arrivals: number[] = [];
  const first = Math.max(0, recorded.length - Math.ceil(limit / copies));
  let owed = 0;
  for (let i = first; i < recorded.length; i++) {
    owed += copies;
    const gap = i + 1 < recorded.length ? recorded[i + 1] - recorded[i] : 0;
    for (let k = 0; owed >= 1; k++, owed--) arrivals.push(recorded[i] + (k === 0 ? 0 : random.next() * gap));
  }
  return Float64Array.from(arrivals).sort();
}

/** Runs one algorithm over the arrivals; latencies and failures by stretch of the trace. */
export function replayTrace(
  arrivals: Float64Array,
  models: readonly ServiceModel[],
  balancer: SimulatedBalancer,
  seed: number,
): LatencyHistogram[] {
  const random = new Random(seed);
  const underway = new Underway();
  const inFlight = new Int32Array(models.length);
  const stretches = Array.from({ length: STRETCHES }, () => new LatencyHistogram());
  const warm = Math.floor(arrivals.length * WARM_UP);
  arrivals.forEach((now, i) => {
    for (let done = underway.popUntil(now); done; done = underway.popUntil(now)) {
      inFlight[done.backend]--;
      balancer.finished(done.backend, done.latencyMs, done.failed, done.end);
    }
    const backend = balancer.choose(now, `10.0.${random.integer(CLIENTS)}`);
    const { latencyMs, failed } = models[backend].draw(now, inFlight[backend], random);
    balancer.started(backend, now);
    inFlight[backend]++;
    underway.push({ end: now + latencyMs, backend, latencyMs, failed });
    if (i < warm) return;
    const stretch = Math.floor((STRETCHES * (i - warm)) / (arrivals.length - warm));
    stretches[stretch].add(latencyMs, failed);
  });
  return stretches;
}
