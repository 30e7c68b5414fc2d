/**
 * Proactive weights, simulated: what the tail of a peak gains when the weights of a pool are set by measured capacity
 * before it comes. The algorithms, the measuring of capacity and the factors are the product's own; backends are queues
 * with a few workers. Capacity is measured on an earlier day with one peak at 90 % of what the pool can do, in which no
 * weights were set.
 *
 *   npx tsc -p tsconfig.build.json && node bench/peak.mjs
 */
import { seeded, simulate } from './lib/queueing.mjs';

const dist = new URL('../dist/src/modules/', import.meta.url);
const from = (path) => import(new URL(path, dist));
const { createBalancer } = await from('dataplane/embedded/balancing/create-balancer.js');
const { BackendLoad } = await from('dataplane/embedded/balancing/backend-load.js');
const { factorsFor, measureCapacity } = await from('ai/proactive/capacity.js');

const ALGORITHMS = ['adaptive_ai', 'least_connections'];
const POOLS = {
  'four of one speed, 16, 8, 4, 2 workers': [16, 8, 4, 2].map((workers) => ({ workers, ms: 50 })),
  'four of 6 workers, speeds 1, ½, ¼, ¼': [25, 50, 100, 100].map((ms) => ({ workers: 6, ms })),
  'ten, mixed': [16, 16, 8, 8, 8, 4, 4, 4, 2, 2].map((workers, i) => ({ workers, ms: i % 3 === 0 ? 40 : 80 })),
};
const PEAK_AT = 60;
/** Share of what the pool can do, by time; and the seconds whose requests count. */
const PEAKS = {
  'step from 30 to 85 %': { share: (t) => (t < PEAK_AT ? 0.3 : 0.85), until: 75 },
  'rise from 30 to 90 % in a minute': { share: (t) => Math.min(0.9, Math.max(0.3, 0.3 + (0.6 * (t - PEAK_AT)) / 60)), until: 130 },
  'ten seconds at 110 %': { share: (t) => (t >= PEAK_AT && t < 70 ? 1.1 : 0.3), until: 80 },
};
const SEEDS = [1, 2, 3, 4, 5];
/** A minute of the history is so long in simulated time. */
const MINUTE_S = 10;
const HISTORY_MINUTES = 75;

const capacityOf = (backends) => backends.reduce((sum, { workers, ms }) => sum + (workers * 1000) / ms, 0);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function run(algorithm, backends, seed, settings) {
  const random = seeded(seed);
  const candidates = backends.map((_, i) => ({ id: `b${i}`, idHash: i, weight: 1, load: new BackendLoad(Number.NEGATIVE_INFINITY) }));
  simulate({ balancer: createBalancer(algorithm, random), candidates, backends, random, ...settings });
}

/** Factors as the product would find them after a day with a peak in its last minutes. */
function learn(algorithm, backends) {
  const points = new Map();
  const total = capacityOf(backends);
  run(algorithm, backends, 99, {
    seconds: HISTORY_MINUTES * MINUTE_S,
    rate: (t) => total * (t < (HISTORY_MINUTES - 10) * MINUTE_S ? 0.3 : 0.9),
    weightsAt: () => backends.map(() => 1),
    onAnswer: (arrived, i, ms) => {
      const minute = Math.floor(arrived / MINUTE_S);
      const key = `${minute} ${i}`;
      const point = points.get(key) ?? { at: new Date(minute * 60_000), key: `b${i}`, requests: 0, errors: 0, sum: 0 };
      point.requests++;
      point.sum += ms;
      points.set(key, point);
    },
  });
  const minutes = [...points.values()].map((point) => ({ ...point, latency_avg_ms: point.sum / point.requests }));
  const ids = backends.map((_, i) => `b${i}`);
  const capacity = measureCapacity(minutes, ids);
  if (!capacity) return null;
  const factors = factorsFor(capacity, ids.map((id) => ({ id, weight: 1 })));
  return ids.map((id) => factors.get(id) ?? 1);
}

function p99(algorithm, backends, { share, until }, factors, seed) {
  const total = capacityOf(backends);
  const even = backends.map(() => 1);
  const latencies = [];
  run(algorithm, backends, seed, {
    seconds: until + 10,
    rate: (t) => total * share(t),
    weightsAt: (t) => (t >= PEAK_AT - 5 ? factors : even),
    onAnswer: (arrived, _, ms) => {
      if (arrived >= PEAK_AT && arrived < until) latencies.push(ms);
    },
  });
  return Float64Array.from(latencies).sort()[Math.floor(latencies.length * 0.99)];
}

console.log(`${'backends'.padEnd(40)}${'algorithm'.padEnd(19)}${'peak'.padEnd(34)}p99 ms: as ever  with weights  ratio`);
for (const [pool, backends] of Object.entries(POOLS))
  for (const algorithm of ALGORITHMS) {
    const factors = learn(algorithm, backends);
    if (!factors) {
      console.log(`${pool.padEnd(40)}${algorithm.padEnd(19)}was not seen full: no weights`);
      continue;
    }
    for (const [name, peak] of Object.entries(PEAKS)) {
      const ratios = SEEDS.map((seed) => {
        const [off, on] = [backends.map(() => 1), factors].map((f) => p99(algorithm, backends, peak, f, seed));
        return { off, on, ratio: on / off };
      });
      const [off, on, ratio] = ['off', 'on', 'ratio'].map((key) => median(ratios.map((one) => one[key])));
      console.log(
        `${pool.padEnd(40)}${algorithm.padEnd(19)}${name.padEnd(34)}${off.toFixed(0).padStart(15)}${on.toFixed(0).padStart(14)}${ratio.toFixed(2).padStart(7)}`,
      );
    }
  }
