// Live channels: 2,000 clients of one tenant's `backends` channel on one node, against a bare ws server that sends the
// same frame to as many. A change is one HTTP request: ours writes a backend to the database (audit row, configuration
// version, notification), the bare server only sends. Clients are in a process of their own; rounds take turns.
//   node bench/realtime.mjs [--clients 2000] [--rounds 15]
import { execFileSync, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';

const { values } = parseArgs({
  options: { clients: { type: 'string', default: '2000' }, rounds: { type: 'string', default: '15' } },
});
const clientCount = Number(values.clients);
const rounds = Number(values.rounds);
/** Sockets that one session may have open. */
const PER_SESSION = 100;
const WARM_UP = 3;

ensureInstalled();
ensureBuilt();
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'veloflux-bench-'));
const started = [];
const now = () => performance.timeOrigin + performance.now();
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const residentKb = (pid) => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)]).toString());
const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));

function start(file, env = {}) {
  const child = fork(path.join(root, file), [], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  started.push(child);
  return new Promise((ok, no) => {
    child.once('message', (message) => ok({ child, ...message }));
    child.once('exit', (code) => no(new Error(`${file} ended with ${code}`)));
  });
}

async function request(method, url, body, token) {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

let sequence = 0;
function ask(child, message) {
  const id = ++sequence;
  const answer = new Promise((ok) => {
    const listener = (reply) => {
      if (reply.done !== id && reply.armed !== id) return;
      if (message.expect && reply.armed === id) return;
      child.off('message', listener);
      ok(reply);
    };
    child.on('message', listener);
  });
  const armed = new Promise((ok) => {
    const listener = (reply) => {
      if (reply.armed !== id) return;
      child.off('message', listener);
      ok();
    };
    if (message.expect) child.on('message', listener);
    else ok();
  });
  child.send({ ...message, id });
  return { answer, armed };
}

try {
  const ours = await start('dist/src/main.js', {
    DATA_DIR: dataDir, NODE_ENV: 'test', LOG_LEVEL: 'error', PORT: '0', PORT_ALIASES: '', ADMIN_PORT: '0', PROXY_PORT: '0', PROXY_TLS_PORT: '0',
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '0', RATE_LIMIT_ANONYMOUS_PER_MINUTE: '0', RATE_LIMIT_TOKEN_PER_HOUR: '0',
  });
  const bare = await start('bench/support/bare-live.mjs');
  const { child: clients } = await start('bench/support/live-clients.mjs');
  const api = `http://127.0.0.1:${ours.ports.api[0]}`;
  const person = { email: 'bench@example.com', password: 'long-enough-1' };
  const { token } = await request('POST', `${api}/api/auth/register`, { ...person, name: 'Bench' });
  await request('POST', `${api}/api/pools`, { name: 'web', algorithm: 'round_robin' }, token);
  const backend = await request('POST', `${api}/api/backends`, { address: '192.0.2.1:80', pool: 'web', health_check: { enabled: false } }, token).catch(() =>
    request('POST', `${api}/api/backends`, { address: '192.0.2.1:80', pool: 'web' }, token),
  );
  const tokens = [];
  for (let i = 0; i < clientCount / PER_SESSION; i++) tokens.push((await request('POST', `${api}/api/auth/login`, person)).token);

  const groups = {
    veloflux: {
      pid: ours.child.pid,
      urls: Array.from({ length: clientCount }, (_, i) => `ws://127.0.0.1:${ours.ports.api[0]}/api/ws/backends?token=${tokens[Math.floor(i / PER_SESSION)]}`),
      change: (marker) => request('PUT', `${api}/api/backends/${backend.id}`, { region: marker }, token),
    },
    'bare ws': {
      pid: bare.child.pid,
      urls: Array.from({ length: clientCount }, () => `ws://127.0.0.1:${bare.port}/`),
      change: (marker) => request('POST', `http://127.0.0.1:${bare.port}/`, { tenant_id: backend.id, updated: [{ ...backend, region: marker }], removed: [] }),
    },
  };
  const perClientKb = {};
  for (const [name, group] of Object.entries(groups)) {
    await pause(1000);
    const before = residentKb(group.pid);
    await ask(clients, { open: name, urls: group.urls }).answer;
    await pause(1500);
    perClientKb[name] = (residentKb(group.pid) - before) / clientCount;
  }
  const toLast = { veloflux: [], 'bare ws': [] };
  const fanOut = { veloflux: [], 'bare ws': [] };
  for (let round = 0; round < rounds + WARM_UP; round++)
    for (const [name, group] of Object.entries(groups)) {
      const text = `round-${round}-${sequence}`;
      const { answer, armed } = ask(clients, { expect: name, text });
      await armed;
      const began = now();
      const [seen] = await Promise.all([answer, group.change(text)]);
      if (round >= WARM_UP) {
        toLast[name].push(seen.last - began);
        fanOut[name].push(seen.last - seen.first);
      }
      await pause(150);
    }
  const row = (what, figures, unit) => {
    const [a, b] = [median([figures.veloflux].flat()), median([figures['bare ws']].flat())];
    console.log(`${what.padEnd(38)} veloflux ${a.toFixed(1)} ${unit}, bare ws ${b.toFixed(1)} ${unit}, ratio ${(a / b).toFixed(2)}`);
  };
  console.log(`${clientCount} clients, ${rounds} rounds, medians`);
  row('change → last client has the frame', toLast, 'ms');
  row('first client → last client', fanOut, 'ms');
  row('memory a client', perClientKb, 'kB');
} finally {
  for (const child of started) child.kill('SIGTERM');
  await pause(3000);
  for (const child of started) child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
}
