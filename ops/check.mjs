// node ops/check.mjs: what ops/ says is true of the program as it is. promtool checks the configuration and runs the
// rules' tests; then a real Prometheus scrapes a running server with traffic, and every query of the dashboard, and
// every series that a rule looks at, must have data. Everything on loopback, for about half a minute.
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';

if (spawnSync('prometheus', ['--version']).error || spawnSync('promtool', ['--version']).error) {
  console.log('ops/check.mjs skipped: no prometheus and promtool here (Debian: prometheus)');
  process.exit(0);
}
const SCRAPE_SECONDS = 1;
const WINDOW = '10s';
const PATIENCE_MS = 60_000;
const at = (file) => path.join(root, 'ops', file);
const work = mkdtempSync(path.join(os.tmpdir(), 'veloflux-ops-'));
const children = [];
const closers = [];

function promtool(...args) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool ${args.join(' ')}\n${stdout}${stderr}`);
}

async function until(what, probe) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`);
    await new Promise((ok) => setTimeout(ok, 200));
  }
}

function keep(child) {
  children.push({ child, ended: once(child, 'exit') });
  return child;
}

async function startServer() {
  const server = keep(fork(path.join(root, 'dist/src/main.js'), [], {
    env: {
      PATH: process.env.PATH, DATA_DIR: path.join(work, 'data'), NODE_ENV: 'test', LOG_LEVEL: 'error',
      PORT: '0', PORT_ALIASES: '', ADMIN_PORT: '0', PROXY_PORT: '0', PROXY_TLS_PORT: '0',
      RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '0', RATE_LIMIT_ANONYMOUS_PER_MINUTE: '0', RATE_LIMIT_TOKEN_PER_HOUR: '0',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  }));
  const { ports } = await new Promise((ok, no) => {
    server.once('message', ok);
    server.once('exit', (code) => no(new Error(`the server ended with ${code}`)));
  });
  return { api: `http://127.0.0.1:${ports.api[0]}`, proxyPort: ports.proxy };
}

async function post(url, body, token) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** An upstream that answers 500 on `/broken`. */
async function upstream() {
  const server = http.createServer((request, response) =>
    response.writeHead(request.url === '/broken' ? 500 : 200).end('x'.repeat(2000)));
  await new Promise((ok) => server.listen(0, '127.0.0.1', ok));
  closers.push(() => { server.closeAllConnections(); server.close(); });
  return `127.0.0.1:${server.address().port}`;
}

function request(port, host, target) {
  return new Promise((ok, no) => {
    const sent = http.get({ host: '127.0.0.1', port, path: target, headers: { host } }, (response) => {
      response.resume();
      response.on('end', ok);
    });
    sent.on('error', no);
  });
}

/** A tenant with a pool, a subscription and a bill, a worker, an open WebSocket, and requests from now on. */
async function makeUse({ api, proxyPort }) {
  const { token } = await post(`${api}/api/auth/register`, { email: 'ops@example.com', password: 'long-enough-1', name: 'Ops' });
  await post(`${api}/api/billing/subscriptions`, { plan: 'professional', billing_cycle: 'monthly', payment_method: 'manual' }, token);
  await post(`${api}/api/pools`, { name: 'web', algorithm: 'round_robin', health_check: { path: '/', interval: '1s', timeout: '500ms' } }, token);
  for (let i = 0; i < 2; i++) await post(`${api}/api/backends`, { pool: 'web', address: await upstream(), weight: 100 }, token);
  await post(`${api}/api/routes?wait=applied`, { host: 'ops.example.com', pool: 'web', path_prefix: '/' }, token);
  const admin = await post(`${api}/api/auth/login`, { username: 'admin', password: 'admin123' });
  const enrollment = await post(`${api}/api/workers/enrollment-tokens`, {}, admin.token);
  keep(spawn(process.execPath, [
    path.join(root, 'dist/src/agent/main.js'), '--server', api, '--name', 'ops-worker', '--token', enrollment.token,
    '--state-dir', path.join(work, 'agent'), '--', process.execPath, '-e', 'setInterval(() => {}, 1000)',
  ], { stdio: 'ignore' }));
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(`${api.replace('http', 'ws')}/api/ws/status`);
  socket.on('error', () => undefined);
  socket.on('open', () => socket.send('{"type":"ping"}'));
  closers.push(() => socket.terminate());
  let n = 0;
  const timer = setInterval(() => {
    n++;
    void request(proxyPort, 'ops.example.com', n % 10 ? '/' : '/broken').catch(() => undefined);
    void request(proxyPort, n % 5 ? 'ops.example.com' : 'nobody.example.com', '/').catch(() => undefined);
    void fetch(`${api}/api/pools/web`, { headers: { authorization: `Bearer ${token}` } }).catch(() => undefined);
    if (socket.readyState === socket.OPEN && n % 20 === 0) socket.send('{"type":"ping"}');
  }, 50);
  closers.push(() => clearInterval(timer));
}

async function startPrometheus(api) {
  const config = parse(readFileSync(at('prometheus/prometheus.yml'), 'utf8'));
  config.global = { scrape_interval: `${SCRAPE_SECONDS}s`, evaluation_interval: `${SCRAPE_SECONDS}s` };
  config.rule_files = [at('prometheus/rules.yml')];
  delete config.alerting;
  for (const job of config.scrape_configs) job.static_configs = [{ targets: [new URL(api).host] }];
  const file = path.join(work, 'prometheus.yml');
  writeFileSync(file, stringify(config));
  mkdirSync(path.join(work, 'tsdb'));
  const port = 20_000 + Math.floor(Math.random() * 8000);
  keep(spawn('prometheus', [
    `--config.file=${file}`, `--storage.tsdb.path=${path.join(work, 'tsdb')}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error',
  ], { stdio: ['ignore', 'ignore', 'inherit'] }));
  const url = `http://127.0.0.1:${port}`;
  await until('Prometheus', () => fetch(`${url}/-/ready`).then((r) => r.ok, () => false));
  return url;
}

async function ask(prometheus, resource, parameters = {}) {
  const response = await fetch(`${prometheus}/api/v1/${resource}?${new URLSearchParams(parameters)}`);
  const { status, data, error } = await response.json();
  if (status !== 'success') throw new Error(error);
  return data;
}

/** The dashboard's queries as Grafana sends them for all tenants. */
function queries() {
  const { panels } = JSON.parse(readFileSync(at('grafana/dashboards/veloflux.json'), 'utf8'));
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr: expr.replaceAll('$tenant', '.*').replaceAll('$__rate_interval', WINDOW) })));
}

/** Names of series that a rule's expression reads. */
const seriesOf = (expression) => expression.match(/\b(?:veloflux|http|websocket|nodejs|process)_[a-z0-9_]+\b|\bup\b/g) ?? [];

async function checkQueries(prometheus) {
  const open = new Map(queries().map((query) => [`${query.title}: ${query.expr}`, query.expr]));
  const count = open.size;
  await until('data', async () => {
    for (const [name, expr] of open) {
      const { result } = await ask(prometheus, 'query', { query: expr });
      if (result.some(({ value }) => value[1] !== 'NaN')) open.delete(name);
    }
    return open.size === 0;
  }).catch(() => {
    throw new Error(`no data for\n  ${[...open.keys()].join('\n  ')}`);
  });
  console.log(`dashboard: all ${count} queries return data`);
}

async function checkRules(prometheus) {
  const rules = (await ask(prometheus, 'rules')).groups.flatMap((group) => group.rules);
  const bad = rules.filter((rule) => rule.health !== 'ok').map((rule) => `${rule.name}: ${rule.health} ${rule.lastError ?? ''}`);
  const names = new Set(await ask(prometheus, 'label/__name__/values'));
  for (const rule of rules)
    for (const series of seriesOf(rule.query))
      if (!names.has(series)) bad.push(`${rule.name}: there is no series ${series}`);
  if (rules.length === 0 || bad.length) throw new Error(`rules:\n  ${bad.join('\n  ') || 'none'}`);
  console.log(`rules: all ${rules.length} evaluate, on series that exist`);
}

async function stop() {
  for (const close of closers) close();
  for (const { child, ended } of children.reverse()) {
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(work, { recursive: true, force: true });
}

ensureInstalled();
ensureBuilt();
try {
  promtool('check', 'config', at('prometheus/prometheus.yml'));
  promtool('test', 'rules', at('prometheus/rules.test.yml'));
  const server = await startServer();
  await makeUse(server);
  const prometheus = await startPrometheus(server.api);
  await checkQueries(prometheus);
  await checkRules(prometheus);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await stop();
}
