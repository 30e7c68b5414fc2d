// API: an authenticated GET /api/pools/{name} against a bare Fastify + pg server and, where python3 has fastapi, uvicorn,
// asyncpg and jwt, against a FastAPI one: each verifies the same token and runs the same query on the same database.
// They run in turn, in one run, several rounds; the ratios are of the medians.
//   node bench/api.mjs [--rounds 5] [--seconds 5] [--connections 50]
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';
import { median, Stage, signUp } from './support/harness.mjs';
import { row } from './support/rows.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '50' },
  },
});
const FASTAPI = 'import fastapi, uvicorn, asyncpg, jwt; print("FastAPI", fastapi.__version__, "on uvicorn", uvicorn.__version__)';

ensureInstalled();
ensureBuilt();

/** The Python peer; undefined where its packages are missing. */
async function startFastApi(stage, env) {
  // the first python3 of the path may be another than Debian's, which has the packages
  const python = ['python3', '/usr/bin/python3'].find((name) => spawnSync(name, ['-c', FASTAPI]).status === 0);
  if (!python) {
    console.log('python3 with fastapi, uvicorn, asyncpg and jwt is not installed here: FastAPI is left out\n');
    return undefined;
  }
  const name = spawnSync(python, ['-c', FASTAPI], { encoding: 'utf8' }).stdout.trim();
  const child = spawn(python, [path.join(root, 'bench/support/fastapi-peer.py')], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stage.started.push(child);
  const line = await new Promise((ok, no) => {
    child.stdout.once('data', (data) => ok(data.toString()));
    child.once('exit', (code) => no(new Error(`the FastAPI peer ended with ${code}`)));
  });
  return { name, port: JSON.parse(line).port };
}

const stage = new Stage();
try {
  const pgPort = 20_000 + Math.floor(Math.random() * 8000);
  // the limits stay on, high enough not to be met: counting is part of what a request costs
  const program = await stage.program({
    EMBEDDED_POSTGRES_PORT: String(pgPort),
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
    RATE_LIMIT_TOKEN_PER_HOUR: '10000000',
  });
  const { token, tenantId, call } = await signUp(program.api);
  await call('POST', '/api/pools', { name: 'web', algorithm: 'round_robin', sticky_sessions: false });
  const env = {
    DATABASE_URL: `postgres://postgres@127.0.0.1:${pgPort}/postgres`,
    TENANT_ID: tenantId,
    JWT_SECRET: readFileSync(path.join(program.dataDir, 'jwt.key'), 'utf8').trim(),
  };
  const bare = await stage.script('bench/support/bare-api.mjs', { env });
  const fastApi = await startFastApi(stage, env);
  const at = (port) => `http://127.0.0.1:${port}/api/pools/web`;
  const targets = { veloflux: `${program.api}/api/pools/web`, 'bare Fastify + pg': at(bare.port) };
  if (fastApi) targets[fastApi.name] = at(fastApi.port);
  const rates = {};
  const p99 = {};
  const failures = {};
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const [name, url] of Object.entries(targets)) {
      const result = await autocannon({
        url,
        connections: Number(values.connections),
        duration: round ? Number(values.seconds) : 2,
        headers: { authorization: `Bearer ${token}` },
      });
      failures[name] = (failures[name] ?? 0) + result.non2xx + result.errors;
      if (!round) continue; // warm-up
      (rates[name] ??= []).push(result.requests.average);
      (p99[name] ??= []).push(result.latency.p99);
    }
  const base = median(rates['bare Fastify + pg']);
  console.log(`GET /api/pools/{name}, ${values.connections} connections, ${values.rounds} rounds of ${values.seconds} s, Node ${process.version}, ${os.availableParallelism()} cores\n`);
  console.log('| server | requests/s (median) | ratio to bare Fastify + pg | p99 ms (median) | failed |\n|---|---|---|---|---|');
  for (const name of Object.keys(targets))
    console.log(`| ${name} | ${Math.round(median(rates[name]))} | ${(median(rates[name]) / base).toFixed(2)} | ${median(p99[name])} | ${failures[name]} |`);
  for (const [name, aim] of [['bare Fastify + pg', '≥ 0.80'], ...(fastApi ? [[fastApi.name]] : [])])
    row({
      what: 'authenticated `GET /api/pools/{name}`',
      ours: `${Math.round(median(rates.veloflux))}/s, p99 ${median(p99.veloflux)} ms`,
      peer: name,
      theirs: `${Math.round(median(rates[name]))}/s, p99 ${median(p99[name])} ms`,
      ratio: median(rates.veloflux) / median(rates[name]),
      aim,
    });
} finally {
  await stage.close();
}
