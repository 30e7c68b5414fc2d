// API: an authenticated GET /api/pools/{name} against a bare Fastify + pg server that verifies the same token and runs
// the same query on the same database. Both run in turn, in one run, several rounds; the ratio is of the medians.
//   node bench/api.mjs [--rounds 5] [--seconds 5] [--connections 50]
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '50' },
  },
});
ensureInstalled();
ensureBuilt();
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'veloflux-bench-'));
const pgPort = 20_000 + Math.floor(Math.random() * 8000);
const started = [];

function start(file, env) {
  const child = fork(file, [], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  started.push(child);
  return new Promise((ok, no) => {
    child.once('message', ok);
    child.once('exit', (code) => no(new Error(`${file} ended with ${code}`)));
  });
}
const post = async (url, body, token) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
};
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

try {
  const { ports } = await start(path.join(root, 'dist/src/main.js'), {
    DATA_DIR: dataDir, NODE_ENV: 'test', LOG_LEVEL: 'error', PORT: '0', PORT_ALIASES: '', ADMIN_PORT: '0', PROXY_PORT: '0', PROXY_TLS_PORT: '0',
    EMBEDDED_POSTGRES_PORT: String(pgPort),
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000', RATE_LIMIT_ANONYMOUS_PER_MINUTE: '0', RATE_LIMIT_TOKEN_PER_HOUR: '10000000',
  });
  const ours = `http://127.0.0.1:${ports.api[0]}`;
  const { token, tenant_id } = await post(`${ours}/api/auth/register`, { email: 'bench@example.com', password: 'long-enough-1', name: 'Bench' });
  await post(`${ours}/api/pools`, { name: 'web', algorithm: 'round_robin', sticky_sessions: false }, token);
  const bare = await start(path.join(root, 'bench/support/bare-api.mjs'), {
    DATABASE_URL: `postgres://postgres@127.0.0.1:${pgPort}/postgres`, TENANT_ID: tenant_id,
    JWT_SECRET: readFileSync(path.join(dataDir, 'jwt.key'), 'utf8').trim(),
  });
  const targets = { veloflux: `${ours}/api/pools/web`, 'bare Fastify + pg': `http://127.0.0.1:${bare.port}/api/pools/web` };
  const rates = {}, p99 = {}, failures = {};
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const [name, url] of Object.entries(targets)) {
      const result = await autocannon({ url, connections: Number(values.connections), duration: round ? Number(values.seconds) : 2, headers: { authorization: `Bearer ${token}` } });
      failures[name] = (failures[name] ?? 0) + result.non2xx + result.errors;
      if (!round) continue; // warm-up
      (rates[name] ??= []).push(result.requests.average);
      (p99[name] ??= []).push(result.latency.p99);
    }
  const base = median(rates['bare Fastify + pg']);
  console.log(`GET /api/pools/{name}, ${values.connections} connections, ${values.rounds} rounds of ${values.seconds} s, Node ${process.version}, ${os.availableParallelism()} cores\n`);
  console.log('| server | requests/s (median) | ratio | p99 ms (median) | failed |\n|---|---|---|---|---|');
  for (const name of Object.keys(targets))
    console.log(`| ${name} | ${Math.round(median(rates[name]))} | ${(median(rates[name]) / base).toFixed(2)} | ${median(p99[name])} | ${failures[name]} |`);
} finally {
  for (const child of started.reverse()) {
    child.removeAllListeners('exit');
    const ended = new Promise((ok) => child.once('exit', ok));
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(dataDir, { recursive: true, force: true });
}
