// Live channels: 2,000 clients of one tenant's `backends` channel on one node, against a bare ws server that sends the
// same frame to as many. A change is one HTTP request: ours writes a backend to the database (audit row, configuration
// version, notification), the bare server only sends. Clients are in a process of their own; rounds take turns.
//   node bench/realtime.mjs [--clients 2000] [--rounds 15]
// Memory is what a server holds more with its clients than before them, both after garbage collection and after a first
// crowd of clients has come and gone, so that neither pays for code and buffers that are made once.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';
import { caller, median, pause, Stage, signUp } from './support/harness.mjs';
import { row as report } from './support/rows.mjs';

const { values } = parseArgs({
  options: { clients: { type: 'string', default: '2000' }, rounds: { type: 'string', default: '15' } },
});
const clientCount = Number(values.clients);
const rounds = Number(values.rounds);
/** Sockets that one session may have open. */
const PER_SESSION = 100;
const WARM_UP = 3;
const COLLECTED = ['--expose-gc', '--import', pathToFileURL(path.join(root, 'bench/support/collect.mjs')).href];

ensureInstalled();
ensureBuilt();
const now = () => performance.timeOrigin + performance.now();

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

/** Bytes in use after garbage collection: { rss, heap }. */
function memoryOf(child) {
  const answer = new Promise((ok) => {
    const listener = ({ collected }) => {
      if (!collected) return;
      child.off('message', listener);
      ok(collected);
    };
    child.on('message', listener);
  });
  child.send('collect');
  return answer;
}

const stage = new Stage();
try {
  const ours = await stage.program({}, COLLECTED);
  const bare = await stage.script('bench/support/bare-live.mjs', { execArgv: COLLECTED });
  const { child: clients } = await stage.script('bench/support/live-clients.mjs');
  const { call } = await signUp(ours.api);
  const person = { email: 'bench@example.com', password: 'long-enough-1' };
  await call('POST', '/api/pools', { name: 'web', algorithm: 'round_robin', health_check: { enabled: false } });
  const backend = await call('POST', '/api/backends', { address: '192.0.2.1:80', pool: 'web' });
  const tokens = [];
  for (let i = 0; i < clientCount / PER_SESSION; i++)
    tokens.push((await caller(ours.api)('POST', '/api/auth/login', person)).token);

  const socketBase = ours.api.replace('http', 'ws');
  const groups = {
    veloflux: {
      child: ours.child,
      urls: Array.from({ length: clientCount }, (_, i) => `${socketBase}/api/ws/backends?token=${tokens[Math.floor(i / PER_SESSION)]}`),
      change: (marker) => call('PUT', `/api/backends/${backend.id}`, { region: marker }),
    },
    'bare ws': {
      child: bare.child,
      urls: Array.from({ length: clientCount }, () => `ws://127.0.0.1:${bare.port}/`),
      change: (marker) => caller(`http://127.0.0.1:${bare.port}`)('POST', '/', { tenant_id: backend.id, updated: [{ ...backend, region: marker }], removed: [] }),
    },
  };
  const memory = {};
  for (const [name, { child, urls }] of Object.entries(groups)) {
    await ask(clients, { open: name, urls }).answer;
    await ask(clients, { close: name }).answer;
    const before = await memoryOf(child);
    await ask(clients, { open: name, urls }).answer;
    const after = await memoryOf(child);
    const perClient = (figure) => (after[figure] - before[figure]) / clientCount / 1024;
    memory[name] = { rss: perClient('rss'), heap: perClient('heap') };
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
    report({ what: `${clientCount} live clients: ${what}`, ours: `${a.toFixed(1)} ${unit}`, peer: 'bare ws', theirs: `${b.toFixed(1)} ${unit}`, ratio: a / b });
    console.log(`| ${what} | ${a.toFixed(1)} ${unit} | ${b.toFixed(1)} ${unit} | ${(a / b).toFixed(2)} |`);
  };
  const each = (figure) => ({ veloflux: memory.veloflux[figure], 'bare ws': memory['bare ws'][figure] });
  console.log(`${clientCount} clients, ${rounds} rounds, medians\n`);
  console.log('| | veloflux | bare ws | ratio |\n|---|---|---|---|');
  row('change → last client has the frame', toLast, 'ms');
  row('first client → last client', fanOut, 'ms');
  row('heap and buffers a client', each('heap'), 'kB');
  row('resident memory a client', each('rss'), 'kB');
} finally {
  await stage.close();
}
