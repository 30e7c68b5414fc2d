// Every algorithm of the embedded data plane in front of unequal backends: real HTTP on the loopback interface, the
// engine, the upstreams and the load each in a process of its own. In each run all algorithms work at the same time,
// each before a set of upstreams of its own that behaves alike, on the same Poisson arrivals with the same work. The
// upstreams' work is waiting (timers, a few workers, a line), so that two cores are enough.
//   node bench/adaptive.mjs [--seconds 15] [--seed 1] [--dist dist] [--json file]
// A request that had no answer 2 s after the end counts with the time that it had waited until then.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';
import { row } from './support/rows.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    seed: { type: 'string', default: '1' },
    dist: { type: 'string' },
    json: { type: 'string' },
  },
});
if (!values.dist) {
  ensureInstalled();
  ensureBuilt();
}
const dist = path.resolve(values.dist ?? path.join(root, 'dist'));
const { ALGORITHMS } = await import(`${dist}/src/modules/dataplane/snapshot.js`);

const MEAN_MS = 40;
const WORKERS = 4;
const WARM_UP = 3;
const LOADS = [0.5, 0.7, 0.85];
/** Equal backends at a high load are where few per cent of difference are asked of a noisy figure: it gets the time. */
const TIME_SHARE = { equal: { 0.5: 0.8, 0.7: 0.8, 0.85: 1.4 } };
const fast = { speed: 1 };
const slow = { speed: 0.25 };
const disturbed = { speed: 1, interference: { everyMs: 5_000, forMs: 1_500, factor: 0.125 } };
const SCENARIOS = {
  equal: { title: 'five equal backends', backends: [fast, fast, fast, fast, fast] },
  interference: {
    title: 'three backends, one at a quarter of their speed, one at an eighth for 1.5 s of every 5 s',
    backends: [fast, fast, fast, slow, disturbed],
  },
  failing: {
    title: 'the same and one that answers 500 within 2 ms',
    backends: [fast, fast, fast, slow, disturbed, { speed: 1, failsAfterMs: 2 }],
  },
};

const children = [];
const start = (file, args = []) => {
  const child = fork(path.join(root, 'bench/support', file), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  return child;
};
async function ask(child, message) {
  child.send(message);
  const [answer] = await once(child, 'message');
  return answer;
}
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

/** Requests a second that these backends can answer at most. */
function capacity(backends) {
  const speeds = backends.map(({ speed, interference: i, failsAfterMs }) => {
    if (failsAfterMs !== undefined) return 0;
    return i ? speed * (1 - (i.forMs / i.everyMs) * (1 - i.factor)) : speed;
  });
  return (speeds.reduce((a, b) => a + b) * WORKERS * 1_000) / MEAN_MS;
}

/** One pool and one host for each algorithm, none that an earlier run has used: each begins without memory. */
function makeSlice(run, backends, ports) {
  const healthCheck = { enabled: false, path: '/', intervalMs: 1_000, timeoutMs: 1_000, expectedStatus: 200, rise: 1, fall: 1 };
  const pools = ALGORITHMS.map((algorithm, a) => ({
    id: `${run}-${algorithm}`, name: algorithm, algorithm, stickySessions: false, connectTimeoutMs: 2_000, responseTimeoutMs: 120_000, retries: 0,
    backends: backends.map((_, b) => ({
      id: `${run}-${algorithm}-${b}`, host: '127.0.0.1', port: ports[a * backends.length + b], weight: 100, region: null, adminState: 'enabled', healthCheck,
    })),
  }));
  const routes = pools.map(({ id, name }) => ({
    id: `route-${id}`, host: hostOf(name), pathPrefix: '/', targets: [{ poolId: id, weight: 100 }], sslEnabled: false, features: {},
  }));
  return { tenantId: 'bench', pools, routes };
}
const hostOf = (algorithm) => `${algorithm.replaceAll('_', '-')}.example.com`;

const upstreams = start('queueing-upstreams.mjs');
const engine = start('adaptive-engine.mjs');
const load = start('open-loop.mjs');

async function measure(name, share, seed) {
  const { backends } = SCENARIOS[name];
  const perSecond = capacity(backends) * share;
  const { ports } = await ask(upstreams, { open: ALGORITHMS.flatMap(() => backends), workers: WORKERS, meanMs: MEAN_MS });
  const { port } = await ask(engine, { slice: makeSlice(`${name}-${share}`, backends, ports) });
  const startAt = performance.timeOrigin + performance.now() + 200;
  upstreams.send({ startAt });
  const seconds = Number(values.seconds) * (TIME_SHARE[name]?.[share] ?? 1);
  const answer = await ask(load, { port, hosts: ALGORITHMS.map(hostOf), perSecond, seconds, warmUp: WARM_UP, startAt, seed });
  return ALGORITHMS.map((algorithm) => {
    const { latencies, errors, requests, unfinished } = answer[hostOf(algorithm)];
    latencies.sort((a, b) => a - b);
    return {
      scenario: name, load: share, algorithm, requests, errors, unfinished, errorShare: errors / requests,
      meanMs: latencies.reduce((a, b) => a + b, 0) / latencies.length, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99),
    };
  });
}

function printScenario(name, rows) {
  console.log(`\n${name}: ${SCENARIOS[name].title}\n`);
  console.log(`| algorithm | ${LOADS.map((l) => `p50 / p99 ms, errors at ${l * 100} %`).join(' | ')} |\n|---|${LOADS.map(() => '---').join('|')}|`);
  for (const algorithm of ALGORITHMS) {
    const cells = LOADS.map((share) => {
      const r = rows.find((row) => row.scenario === name && row.algorithm === algorithm && row.load === share);
      return `${r.p50Ms.toFixed(0)} / ${r.unfinished ? '≥ ' : ''}${r.p99Ms.toFixed(0)}, ${(r.errorShare * 100).toFixed(2)} %`;
    });
    console.log(`| ${algorithm} | ${cells.join(' | ')} |`);
  }
}

const find = (rows, scenario, share, algorithm) => rows.find((r) => r.scenario === scenario && r.load === share && r.algorithm === algorithm);
/** What the product promises of adaptive_ai, and what this run measured. */
function verdicts(rows, decisionNs) {
  const ratio = (scenario, share, key) => find(rows, scenario, share, 'adaptive_ai')[key] / find(rows, scenario, share, 'least_connections')[key];
  const worst = (key) => Math.max(...LOADS.map((share) => ratio('equal', share, key)));
  const errors = Math.max(...LOADS.map((share) => find(rows, 'failing', share, 'adaptive_ai').errorShare));
  const per = (value) => `${(value * 100).toFixed(1)} %`;
  return [
    ['p99 under least_connections, interference, 50 %', '≥ 30 %', per(1 - ratio('interference', 0.5, 'p99Ms')), ratio('interference', 0.5, 'p99Ms') <= 0.7],
    ['p99 under least_connections, interference, 70 %', '≥ 30 %', per(1 - ratio('interference', 0.7, 'p99Ms')), ratio('interference', 0.7, 'p99Ms') <= 0.7],
    ['errors with the failing backend, worst load', '≤ 0.1 %', `${(errors * 100).toFixed(3)} %`, errors <= 0.001],
    ['p99 over least_connections, equal backends, worst load', '≤ 3 %', per(worst('p99Ms') - 1), worst('p99Ms') <= 1.03],
    ['mean over least_connections, equal backends, worst load', '≤ 3 %', per(worst('meanMs') - 1), worst('meanMs') <= 1.03],
    ['one decision among ten backends', '< 2 µs', `${(decisionNs / 1_000).toFixed(2)} µs`, decisionNs < 2_000],
  ].map(([what, target, measured, holds]) => ({ what, target, measured, holds }));
}

try {
  await ask(engine, { dist });
  console.log(`Node ${process.version}, ${os.availableParallelism()} cores; ${WORKERS} workers a backend, ${MEAN_MS} ms a request on average, Poisson arrivals, about ${values.seconds} s each, the first ${WARM_UP} s not in the quantiles`);
  const rows = [];
  let seed = Number(values.seed);
  for (const share of LOADS) for (const name of Object.keys(SCENARIOS)) rows.push(...(await measure(name, share, seed++)));
  for (const name of Object.keys(SCENARIOS)) printScenario(name, rows);
  const [decisions] = await once(start('decision-times.mjs', [dist]), 'message');
  const checks = verdicts(rows, decisions.adaptive_ai);
  console.log('\n| adaptive_ai | target | measured | |\n|---|---|---|---|');
  for (const { what, target, measured, holds } of checks) {
    console.log(`| ${what} | ${target} | ${measured} | ${holds ? 'holds' : 'MISSED'} |`);
    row({ what: `adaptive_ai: ${what}`, ours: measured, aim: target });
  }
  const json = JSON.stringify({ node: process.version, seconds: Number(values.seconds), rows, decisionNs: decisions, checks });
  if (values.json) writeFileSync(values.json, `${json}\n`);
  console.log(`\n${json}`);
  if (checks.some(({ holds }) => !holds)) process.exitCode = 1;
} finally {
  for (const child of children) child.kill();
}
