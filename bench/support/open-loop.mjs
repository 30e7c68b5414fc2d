// Load of bench/adaptive.mjs: Poisson arrivals that do not wait for answers. Each arrival goes to every host at the same
// moment with the same work, so that chance and the machine's noise hit all alike; a latency counts from the moment
// when the request was due. The clients have 48 addresses, for what looks at the client.
//   in: { port, hosts, perSecond, seconds, warmUp, startAt, seed } → out: { host: { latencies, errors, requests, unfinished } }
import { Pool } from 'undici';

process.on('disconnect', () => process.exit());
const CLIENTS = 48;
const STRAGGLERS_MS = 2_000;
const now = () => performance.timeOrigin + performance.now();

/** mulberry32 */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
const exponential = (random) => -Math.log(1 - random());
/** Erlang of four stages with mean 1: a coefficient of variation of one half. */
const demand = (random) => (exponential(random) + exponential(random) + exponential(random) + exponential(random)) / 4;

function arrivals({ perSecond, seconds, seed }) {
  const random = seeded(seed);
  const list = [];
  for (let at = 0; at < seconds * 1_000; at += (exponential(random) * 1_000) / perSecond)
    list.push({ at, demand: demand(random).toFixed(3), client: Math.floor(random() * CLIENTS) });
  return list;
}

async function send(pool, host, arrival, due, record) {
  const request = { due, done: false };
  record.open.add(request);
  try {
    const { statusCode, body } = await pool.request({ path: '/', method: 'GET', headers: { host, 'x-demand': arrival.demand } });
    await body.dump();
    record.finish(request, statusCode < 500);
  } catch {
    record.finish(request, false);
  }
}

function makeRecord(from) {
  const record = { latencies: [], requests: 0, errors: 0, unfinished: 0, open: new Set() };
  record.finish = (request, good) => {
    if (!record.open.delete(request)) return;
    record.requests++;
    if (!good) record.errors++;
    else if (request.due >= from) record.latencies.push(now() - request.due);
  };
  return record;
}

async function run(job) {
  const pools = Array.from({ length: CLIENTS }, (_, i) =>
    new Pool(`http://127.0.0.1:${job.port}`, { connections: null, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, localAddress: process.platform === 'linux' ? `127.0.1.${i + 1}` : undefined }),
  );
  const records = new Map(job.hosts.map((host) => [host, makeRecord(job.startAt + job.warmUp * 1_000)]));
  const list = arrivals(job);
  for (let i = 0; i < list.length; ) {
    while (i < list.length && job.startAt + list[i].at <= now()) {
      const arrival = list[i];
      // the first host of each arrival is another one each time
      for (let k = 0; k < job.hosts.length; k++) {
        const host = job.hosts[(i + k) % job.hosts.length];
        send(pools[arrival.client], host, arrival, job.startAt + arrival.at, records.get(host));
      }
      i++;
    }
    await new Promise((ok) => setTimeout(ok, 1));
  }
  const end = now() + STRAGGLERS_MS;
  while ([...records.values()].some(({ open }) => open.size > 0) && now() < end) await new Promise((ok) => setTimeout(ok, 20));
  const answer = {};
  for (const [host, record] of records) {
    // what waits still has waited this long at least
    for (const { due } of record.open) record.latencies.push(now() - due);
    answer[host] = { latencies: record.latencies, errors: record.errors, requests: record.requests + record.open.size, unfinished: record.open.size };
    record.open.clear();
  }
  process.send(answer);
  await Promise.all(pools.map((pool) => pool.destroy()));
}

process.on('message', run);
