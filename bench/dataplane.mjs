// The embedded data plane against HAProxy (1 thread) and nginx (1 worker), whichever are installed: the same tiny
// upstream and load generator, each proxy in a process of its own, in turns within one run; figures are medians of the
// rounds. Also the time that a snapshot takes to apply, and what a balancing decision costs.
//   node bench/dataplane.mjs [--rounds 3] [--seconds 3] [--connections 64] [--dist dist]
// The load comes from wrk if it is installed, else from autocannon.
import { execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';
import { row } from './support/rows.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    dist: { type: 'string' },
  },
});
if (!values.dist) {
  ensureInstalled();
  ensureBuilt();
}
const dist = path.resolve(values.dist ?? path.join(root, 'dist'));
const HOST = 'bench.example.com';
const dir = mkdtempSync(path.join(os.tmpdir(), 'veloflux-bench-'));
const started = [];
const installed = (name) => spawnSync(name, ['-v'], { stdio: 'ignore' }).error === undefined;
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const freePort = () =>
  new Promise((ok) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => ok(port));
    });
  });

function startScript(file, { args = [], job } = {}) {
  const child = fork(path.join(root, 'bench/support', file), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  started.push(child);
  if (job) child.send(job);
  return new Promise((ok, no) => {
    child.once('message', (message) => ok({ pids: [child.pid], ...message }));
    child.once('exit', (code) => no(new Error(`${file} ended with ${code}`)));
  });
}

async function startProgram(command, args, port) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  started.push(child);
  for (let i = 0; i < 100; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    if (answer) return { port, pids: [child.pid] };
    await new Promise((ok) => setTimeout(ok, 50));
  }
  throw new Error(`${command} did not come up`);
}

async function startHaproxy(upstreamPort) {
  const port = await freePort();
  const file = path.join(dir, 'haproxy.cfg');
  writeFileSync(file, `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  option forwardfor
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  use_backend pool if { req.hdr(host) -i ${HOST} }
backend pool
  balance roundrobin
  server one 127.0.0.1:${upstreamPort}
`);
  return startProgram('haproxy', ['-db', '-f', file], port);
}

async function startNginx(upstreamPort) {
  const port = await freePort();
  const file = path.join(dir, 'nginx.conf');
  writeFileSync(file, `daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/nginx.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path ${dir}; proxy_temp_path ${dir}; fastcgi_temp_path ${dir}; uwsgi_temp_path ${dir}; scgi_temp_path ${dir};
  upstream pool { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    server_name ${HOST};
    location / {
      proxy_pass http://pool;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`);
  const nginx = await startProgram('nginx', ['-c', file, '-e', `${dir}/nginx.log`], port);
  const workers = execFileSync('pgrep', ['-P', String(nginx.pids[0])], { encoding: 'utf8' });
  return { port, pids: [...nginx.pids, ...workers.trim().split('\n').map(Number)] };
}

async function startEmbedded(upstreamPort, workers, fastPath = true) {
  const healthCheck = { enabled: false, path: '/', intervalMs: 1, timeoutMs: 1, expectedStatus: 200, rise: 1, fall: 1 };
  const backends = [{ id: 'b1', host: '127.0.0.1', port: upstreamPort, weight: 100, region: null, adminState: 'enabled', healthCheck }];
  const pools = [{ id: 'p1', name: 'p1', algorithm: 'round_robin', stickySessions: false, connectTimeoutMs: 1_000, responseTimeoutMs: 30_000, retries: 2, backends }];
  const routes = [{ id: 'r1', host: HOST, pathPrefix: '/', targets: [{ poolId: 'p1', weight: 100 }], sslEnabled: false, features: {} }];
  const slice = { tenantId: 't1', pools, routes };
  return startScript('engine-server.mjs', { job: { dist, slice, workers, fastPath, port: 0, clusterPort: await freePort() } });
}

/** Processor time of these processes so far, seconds; null where /proc does not tell. */
function cpuSeconds(pids) {
  try {
    return pids.reduce((sum, pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return sum + (Number(fields[11]) + Number(fields[12])) / 100;
    }, 0);
  } catch {
    return null;
  }
}

async function withWrk(url, seconds) {
  const args = ['-t1', `-c${values.connections}`, `-d${seconds}s`, '--latency', '-H', `Host: ${HOST}`, url];
  const output = await new Promise((ok, no) => {
    const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.on('error', no).on('close', () => ok(text));
  });
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(output);
  const [, requests] = /(\d+) requests in/.exec(output);
  const failed = [...output.matchAll(/(?:Non-2xx or 3xx responses: |connect |read |write |timeout )(\d+)/g)];
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1]),
    p99: Number(p99) * { us: 0.001, ms: 1, s: 1_000 }[unit],
    requests: Number(requests),
    failed: failed.reduce((sum, [, count]) => sum + Number(count), 0),
  };
}

async function withAutocannon(url, seconds) {
  const { default: autocannon } = await import('autocannon');
  const result = await autocannon({ url, connections: Number(values.connections), duration: seconds, headers: { host: HOST } });
  const { requests, latency, non2xx, errors } = result;
  return { rate: requests.average, p99: latency.p99, requests: requests.total, failed: non2xx + errors };
}

const load = installed('wrk') ? withWrk : withAutocannon;

async function measure(targets) {
  const results = new Map([...targets.keys()].map((name) => [name, []]));
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [name, { port, pids }] of targets) {
      const cpu = cpuSeconds(pids);
      const result = await load(`http://127.0.0.1:${port}/`, round ? Number(values.seconds) : 2);
      const used = cpu === null ? null : ((cpuSeconds(pids) - cpu) / result.requests) * 1e6;
      if (round) results.get(name).push({ ...result, cpu: used }); // the first is for warming up
    }
  }
  return results;
}

function print(results) {
  const of = (name, figure) => median(results.get(name).map((result) => result[figure]));
  const base = [...results.keys()].find((name) => name !== 'no proxy');
  const ratio = (a, b) => (a / b).toFixed(2);
  console.log(`| server | requests/s | ratio to ${base} | p99 ms | ratio | CPU µs a request | failed |\n|---|---|---|---|---|---|---|`);
  for (const [name, rounds] of results) {
    const cpu = of(name, 'cpu');
    const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
    const speed = `${Math.round(of(name, 'rate'))} | ${ratio(of(name, 'rate'), of(base, 'rate'))}`;
    const tail = `${of(name, 'p99').toFixed(1)} | ${ratio(of(name, 'p99'), of(base, 'p99'))}`;
    console.log(`| ${name} | ${speed} | ${tail} | ${cpu === null ? 'unknown' : cpu.toFixed(0)} | ${failed} |`);
    if (!name.startsWith('embedded')) continue;
    for (const peer of [...results.keys()].filter((other) => !other.startsWith('embedded') && other !== 'no proxy'))
      row({
        what: `data plane, ${name}`,
        ours: `${Math.round(of(name, 'rate'))}/s, p99 ${of(name, 'p99').toFixed(1)} ms`,
        peer,
        theirs: `${Math.round(of(peer, 'rate'))}/s, p99 ${of(peer, 'p99').toFixed(1)} ms`,
        ratio: of(name, 'rate') / of(peer, 'rate'),
        aim: peer.startsWith('HAProxy') ? '≥ 0.55' : undefined,
      });
  }
}

try {
  const upstream = await startScript('tiny-upstream.mjs');
  const targets = new Map();
  for (const [program, name, start] of [['haproxy', 'HAProxy, 1 thread', startHaproxy], ['nginx', 'nginx, 1 worker', startNginx]]) {
    if (installed(program)) targets.set(name, await start(upstream.port));
    else console.log(`${program} is not installed here: left out\n`);
  }
  targets.set('embedded, 1 process', await startEmbedded(upstream.port, 1));
  targets.set('embedded, 1 process, all by node:http', await startEmbedded(upstream.port, 1, false));
  targets.set('embedded, 2 processes', await startEmbedded(upstream.port, 2));
  targets.set('no proxy', upstream);
  const tool = load === withWrk ? 'wrk' : 'autocannon';
  console.log(`GET, 13-byte answer, ${values.connections} connections, ${values.rounds} rounds of ${values.seconds} s by ${tool}, Node ${process.version}, ${os.availableParallelism()} cores\n`);
  print(await measure(targets));
  const times = await startScript('apply-times.mjs', { args: [dist, String(upstream.port)] });
  const ms = (value) => `${value.toFixed(1)} ms`;
  console.log(`
| configuration of ${times.pools} pools × ${times.backends / times.pools} backends with health checks | |
|---|---|
| first snapshot applied in | ${ms(times.first)} (processor time ${ms(times.firstCpu)}) |
| change of one tenant (10 pools), p50 / p99 | ${ms(times.changeP50)} / ${ms(times.changeP99)} |
| all ${times.checked} backends checked after | ${ms(times.allChecked)} |
| longest delay of the event loop meanwhile, p99 / max | ${ms(times.loopP99)} / ${ms(times.loopMax)} |
| memory | ${times.memoryMb.toFixed(0)} MB |`);
  const { pids, ...decisions } = await startScript('decision-times.mjs', { args: [dist] });
  console.log('\n| decision among ten backends | ns |\n|---|---|');
  for (const [algorithm, ns] of Object.entries(decisions)) console.log(`| ${algorithm} | ${ns.toFixed(0)} |`);
} finally {
  for (const child of started) child.kill();
  rmSync(dir, { recursive: true, force: true });
}
