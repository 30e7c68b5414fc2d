import { Random } from '../numeric/random.js';
import { type AlgorithmComparison, compareAlgorithms, MIN_SUPPORT } from './compare.js';
import { LatencyHistogram } from './latency-histogram.js';
import type { BalancerFactory, SimulatedBalancer } from './replay.js';
import type { RecordedRequest, RecordedTraffic } from './samples.js';
import { slowingOf } from './service-model.js';

/** A made-up backend: how long a request takes there at a time and load, and whether it fails. */
interface Truth {
  id: string;
  weight: number;
  unloadedMs(now: number): number;
  slowing: number;
  failing: boolean;
}

const truth = (id: string, unloadedMs: (now: number) => number, failing = false): Truth => ({
  id,
  weight: 1,
  unloadedMs,
  slowing: 0.4,
  failing,
});

class Counting implements SimulatedBalancer {
  protected readonly inFlight: number[];

  constructor(
    backends: { length: number },
    private readonly rule: (inFlight: number[], random: () => number) => number,
    private readonly random: () => number,
  ) {
    this.inFlight = Array.from({ length: backends.length }, () => 0);
  }

  choose(): number {
    return this.rule(this.inFlight, this.random);
  }

  started(backend: number): void {
    this.inFlight[backend]++;
  }

  finished(backend: number): void {
    this.inFlight[backend]--;
  }
}

const randomly: BalancerFactory = (backends, random) =>
  new Counting(backends, (inFlight, next) => Math.floor(next() * inFlight.length), random);
const leastConnections: BalancerFactory = (backends, random) =>
  new Counting(
    backends,
    (inFlight, next) => {
      const least = Math.min(...inFlight);
      const idle = inFlight.flatMap((count, i) => (count === least ? [i] : []));
      return idle[Math.floor(next() * idle.length)];
    },
    random,
  );
const twoChoices: BalancerFactory = (backends, random) =>
  new Counting(
    backends,
    (inFlight, next) => {
      const [a, b] = [0, 0].map(() => Math.floor(next() * inFlight.length));
      return inFlight[a] <= inFlight[b] ? a : b;
    },
    random,
  );
const alwaysFirst: BalancerFactory = (backends, random) => new Counting(backends, () => 0, random);
const alwaysLast: BalancerFactory = (backends, random) =>
  new Counting(backends, (inFlight) => inFlight.length - 1, random);

/** Runs a balancer against the truth itself; what it gives is what a recording would hold. */
function live(truths: Truth[], factory: BalancerFactory, count: number, seed: number): RecordedRequest[] {
  const random = new Random(seed);
  const balancer = factory(truths, () => random.next());
  const underway: { end: number; backend: number }[] = [];
  const inFlight = truths.map(() => 0);
  let now = 0;
  return Array.from({ length: count }, () => {
    now += -Math.log(1 - random.next()) * 5;
    underway.sort((a, b) => a.end - b.end);
    while (underway.length > 0 && underway[0].end <= now) {
      const { backend, end } = underway.shift() as { end: number; backend: number };
      inFlight[backend]--;
      balancer.finished(backend, 0, false, end);
    }
    const backend = balancer.choose(now, '');
    const { id, unloadedMs, slowing, failing } = truths[backend];
    const serviceMs = unloadedMs(now) * (0.7 + 0.6 * random.next()) * (1 + slowing * inFlight[backend]);
    const request = {
      arrivalMs: now,
      backendId: id,
      serviceMs,
      error: failing,
      inFlight: inFlight[backend],
      random: true,
    };
    balancer.started(backend, now);
    inFlight[backend]++;
    underway.push({ end: now + serviceMs, backend });
    return request;
  });
}

const unequal = [
  truth('fast', () => 10),
  truth('middle', () => 15),
  truth('slow', (now) => (Math.floor(now / 2000) % 4 === 0 ? 60 : 25)),
];
const algorithms = { random: randomly, least_connections: leastConnections, two_choices: twoChoices };

function recording(truths: Truth[], count = 6000): RecordedTraffic {
  return { requests: live(truths, randomly, count, 1), backends: truths, recordedShare: 1 };
}

function p99(requests: RecordedRequest[]): number {
  const sorted = requests.map(({ serviceMs }) => serviceMs).sort((a, b) => a - b);
  return sorted[Math.floor(0.99 * sorted.length)];
}

describe('compareAlgorithms', () => {
  let comparison: AlgorithmComparison;
  beforeAll(async () => {
    comparison = await compareAlgorithms(recording(unequal), algorithms);
  });
  const figures = (name: string) => comparison.algorithms.find(({ algorithm }) => algorithm === name);

  it('foretells from a random recording how another algorithm does', () => {
    for (const [name, factory] of Object.entries(algorithms)) {
      const real = p99(live(unequal, factory, 6000, 77));
      const foretold = figures(name)?.p99_ms as number;
      expect(foretold / real).toBeGreaterThan(0.75);
      expect(foretold / real).toBeLessThan(1.25);
    }
  });

  it('recommends the best with its confidence, sample size and support', () => {
    expect(comparison.recommended_algorithm).toBe(
      Object.keys(algorithms).reduce((a, b) =>
        (figures(b)?.p99_ms as number) < (figures(a)?.p99_ms as number) ? b : a,
      ),
    );
    expect(comparison.confidence).toBeGreaterThan(0.5);
    expect(comparison.confidence).toBeLessThanOrEqual(1);
    expect(comparison.sample_size).toBe(6000);
    expect(comparison.support).toBeGreaterThan(MIN_SUPPORT);
  });

  it('never recommends an algorithm that loves a backend which fails fast', async () => {
    const truths = [truth('good', () => 20), truth('broken', () => 1, true)];
    const { recommended_algorithm, algorithms: all } = await compareAlgorithms(recording(truths), {
      healthy: alwaysFirst,
      broken: alwaysLast,
    });
    expect(recommended_algorithm).toBe('healthy');
    expect(all.map(({ error_rate }) => error_rate)).toEqual([0, 1]);
  });

  it('shows no figure below 200 random samples of any backend', async () => {
    const { requests, backends } = recording(unequal, 3000);
    const chosen = requests.map((request, i) => ({ ...request, random: i < 300 }));
    const hidden = await compareAlgorithms({ requests: chosen, backends, recordedShare: 1 }, algorithms);
    expect(hidden.support).toBeLessThan(MIN_SUPPORT);
    expect(hidden.recommended_algorithm).toBeNull();
    for (const { p50_ms, p99_ms, error_rate } of hidden.algorithms)
      expect([p50_ms, p99_ms, error_rate]).toEqual([null, null, null]);
  });

  it('has no figures without traffic', async () => {
    const nothing = await compareAlgorithms(
      { requests: [], backends: unequal, recordedShare: 1 },
      algorithms,
    );
    expect(nothing).toMatchObject({
      sample_size: 0,
      support: 0,
      recommended_algorithm: null,
      confidence: null,
    });
    expect(nothing.algorithms.map(({ algorithm }) => algorithm)).toEqual(Object.keys(algorithms));
  });

  it('restores the load when only a share of the requests was recorded', async () => {
    const { requests, backends } = recording(unequal, 12_000);
    const complete = (await compareAlgorithms({ requests, backends, recordedShare: 1 }, algorithms))
      .algorithms;
    const random = new Random(4);
    const share = requests.filter(() => random.next() < 0.25);
    const thinned = await compareAlgorithms({ requests: share, backends, recordedShare: 0.25 }, algorithms);
    for (const [i, { p99_ms }] of thinned.algorithms.entries()) {
      const whole = complete[i].p99_ms as number;
      expect((p99_ms as number) / whole).toBeGreaterThan(0.7);
      expect((p99_ms as number) / whole).toBeLessThan(1.4);
    }
  });

  it('is the same for the same seed', async () => {
    expect(await compareAlgorithms(recording(unequal), algorithms)).toEqual(comparison);
  });
});

describe('slowingOf', () => {
  it('finds by how much each request in flight lengthens the others', () => {
    const random = new Random(6);
    const inFlight = Array.from({ length: 2000 }, () => random.integer(8));
    const times = inFlight.map((count) => 20 * (1 + 0.3 * count) * (0.8 + 0.4 * random.next()));
    expect(slowingOf(times, inFlight)).toBeCloseTo(0.3, 1);
    expect(
      slowingOf(
        times,
        times.map(() => 2),
      ),
    ).toBe(0);
  });
});

describe('LatencyHistogram', () => {
  it('gives quantiles to one per cent', () => {
    const histogram = new LatencyHistogram();
    for (let i = 1; i <= 10_000; i++) histogram.add(i / 10, i % 100 === 0);
    expect(histogram.quantile(0.5) / 500).toBeCloseTo(1, 1);
    expect(histogram.quantile(0.99) / 990).toBeCloseTo(1, 1);
    expect(histogram.errorRate).toBeCloseTo(0.01);
  });
});
