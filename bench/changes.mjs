// Changes of the configuration under load, on each engine: from the beginning of the API call to the first request
// through the proxy that shows the change, and requests that failed meanwhile. Then many pools: what they cost in
// memory, how long they take to apply, and how long one change takes beside them.
//   node bench/changes.mjs [--engine embedded,haproxy] [--changes 500] [--warm-up 100] [--rate 500] [--pools 1000]
// The first 100 changes warm the program up: their times are told apart, their failures count.
// Load is `rate` requests a second over 16 kept connections, by a process of its own; each change is looked for by
// requests one after another, a millisecond apart, on one kept connection; where two answers in a row show it, the second
// is asked for at once. A certificate is looked for by handshakes of TLS 1.2 that end when the server has shown it: what
// a handshake costs the client is no part of the change. The API, its database, the proxy, upstreams and load share the
// machine's cores. The many pools belong to 20 tenants: a change is read and compiled by tenant.
import { spawnSync } from 'node:child_process';
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:http';
import { createServer, connect as dial } from 'node:net';
import { connect as dialTls } from 'node:tls';
import { parseArgs } from 'node:util';
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { ensureBuilt, ensureInstalled } from '../scripts/ensure.mjs';
import { family, nameOf, pause, quantile, residentMb, signUp, Stage } from './support/harness.mjs';
import { row } from './support/rows.mjs';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'embedded,haproxy' },
    changes: { type: 'string', default: '500' },
    'warm-up': { type: 'string', default: '100' },
    rate: { type: 'string', default: '500' },
    pools: { type: 'string', default: '1000' },
  },
});
const UPSTREAMS = 10;
const LIMIT_MS = 10_000;
/** The two kinds of key that certificate authorities hand out; ACME clients order the first (certbot since 2.0, and we). */
const KEYS = {
  'ECDSA P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'RSA 2048': { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
};
/** Of each kind; one in about fifteen changes is one of a certificate of it. */
const CERTIFICATES = 2 + Math.ceil((Number(values.changes) + Number(values['warm-up'])) / 15);
const CHECKS = { enabled: true, path: '/', interval: '60s', timeout: '3s', expected_status: 200, rise: 1, fall: 3 };

ensureInstalled();
ensureBuilt();

/** A certificate of its own issue; each is used once, so that nothing that the product remembers of one serves the next. */
async function issue(algorithm, host) {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const names = new SubjectAlternativeNameExtension([{ type: 'dns', value: host }]);
  const made = await X509CertificateGenerator.createSelfSigned({ name: `CN=${host}`, keys, signingAlgorithm: algorithm, notAfter: new Date(Date.now() + 90 * 86_400_000), extensions: [names] });
  const privateKey = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { shown: new X509Certificate(made.toString('pem')), upload: { certificate: made.toString('pem'), private_key: PemConverter.encode(privateKey, 'PRIVATE KEY') } };
}

/** Requests to a host one after another over one connection that is kept. */
class Probe {
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  failures = {};

  constructor(port, tlsPort) {
    this.port = port;
    this.tlsPort = tlsPort;
  }

  /** Which of these certificates the server shows to one ClientHello; null for none of them. */
  greet(hello, issued) {
    return new Promise((ok) => {
      let flight = Buffer.alloc(0);
      const shown = () => issued.find((each) => flight.includes(each.shown.raw))?.shown ?? null;
      const socket = dial(this.tlsPort, '127.0.0.1');
      socket.on('data', (chunk) => {
        flight = Buffer.concat([flight, chunk]);
        if (!shown()) return;
        ok({ status: 200, certificate: shown() });
        socket.destroy();
      });
      socket.on('error', (e) => ok({ status: e.code, certificate: null }));
      socket.on('close', () => ok({ status: 'closed', certificate: null }));
      socket.write(hello);
    });
  }

  ask(host) {
    return new Promise((ok) => {
      const call = request({ host: '127.0.0.1', port: this.port, path: '/', agent: this.agent, headers: { host } }, (response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => ok({ status: response.statusCode, body, cookie: response.headers['set-cookie'] !== undefined }));
        response.on('error', (e) => ok({ status: e.code, body: '' }));
      });
      call.on('error', (e) => ok({ status: e.code, body: '' }));
      call.end();
    });
  }

  /** Until `shows` holds of the answer and the one before it; the time at which it first did. */
  async watch(host, shows, { allowed = [200], ask = () => this.ask(host) } = {}) {
    const end = performance.now() + LIMIT_MS;
    let before;
    while (performance.now() < end) {
      const answer = await ask();
      const at = performance.now();
      if (!allowed.includes(answer.status)) this.failures[answer.status] = (this.failures[answer.status] ?? 0) + 1;
      if (shows(answer, before)) return at;
      before = answer;
      // a pause, so that looking costs the cores little; none before the second of two answers that show it together
      if (!shows(answer, answer)) await pause(1);
    }
    return undefined;
  }
}

/** What a client sends first to this host, in TLS 1.2, which shows certificates in the clear (RFC 5246 §7.4.2). */
async function helloTo(servername) {
  const server = createServer();
  await new Promise((ok) => server.listen(0, '127.0.0.1', ok));
  const { port } = server.address();
  const received = new Promise((ok) => server.once('connection', (socket) => socket.once('data', (hello) => ok({ socket, hello }))));
  dialTls({ host: '127.0.0.1', port, servername, maxVersion: 'TLSv1.2' }).on('error', () => {});
  const { socket, hello } = await received;
  socket.destroy();
  server.close();
  return hello;
}

/** Changes in turn: each is one API call and what shows that it is in effect. */
async function* kinds(call, ports, probe) {
  const address = (i) => `127.0.0.1:${ports[i]}`;
  const pool = (name, extra) => call('POST', '/api/pools', { name, algorithm: 'round_robin', health_check: CHECKS, ...extra });
  const backend = (name, i, extra) => call('POST', '/api/backends', { address: address(i), pool: name, ...extra });
  const route = (host, name) => call('POST', '/api/routes', { host, pool: name });

  await pool('servers');
  let second = await backend('servers', 0);
  await route('servers.example.com', 'servers');
  await pool('weights', { algorithm: 'weighted_round_robin' });
  const heavy = await backend('weights', 1, { weight: 100 });
  await backend('weights', 2, { weight: 10 });
  await route('weights.example.com', 'weights');
  for (const [name, i] of [['left', 3], ['right', 4], ['sticky', 5]]) {
    await pool(name);
    await backend(name, i);
  }
  const switched = await route('routes.example.com', 'left');
  await route('sticky.example.com', 'sticky');
  const certificates = [];
  for (const [kind, algorithm] of Object.entries(KEYS)) {
    const host = `${algorithm.name.slice(0, 3).toLowerCase()}.example.com`;
    await route(host, 'left');
    const issued = await Promise.all(Array.from({ length: CERTIFICATES }, () => issue(algorithm, host)));
    const { id } = await call('POST', '/api/certificates', issued[0].upload);
    certificates.push({ kind, host, id, issued, hello: await helloTo(host) });
  }
  yield;
  second = null;
  for (let n = 0; ; n++) {
    const odd = n % 2 === 1;
    if (second) {
      const gone = second;
      second = null;
      // gone when the next two answers are both of the other one: the pool takes turns
      yield ['server removed', 'servers.example.com', () => call('DELETE', `/api/backends/${gone.id}`), (a, b) => a.body === '0' && b?.body === '0'];
    } else
      yield ['server added', 'servers.example.com', async () => (second = await backend('servers', 6)), ({ body }) => body === '6'];
    yield ['weight', 'weights.example.com', () => call('PUT', `/api/backends/${heavy.id}`, { weight: odd ? 100 : 1 }), (a, b) => a.body === (odd ? '1' : '2') && b?.body === a.body];
    yield ['route', 'routes.example.com', () => call('PUT', `/api/routes/${switched.id}`, { pool: odd ? 'left' : 'right' }), ({ body }) => body === (odd ? '3' : '4')];
    if (n % 5 === 0) {
      const on = n % 10 === 0;
      yield ['pool changed (reload)', 'sticky.example.com', () => call('PUT', '/api/pools/sticky', { sticky_sessions: on }), ({ cookie }) => cookie === on];
    }
    if (n % 5 === 1 || n % 5 === 2) {
      const { kind, host, id, issued, hello } = certificates[(n % 5) - 1];
      const { upload, shown } = issued[Math.floor(n / 5) + 1];
      const greet = { ask: () => probe.greet(hello, issued) };
      yield [`certificate, ${kind}`, host, () => call('PUT', `/api/certificates/${id}`, upload), ({ certificate }) => certificate === shown, greet];
    }
    if (n % 5 === 3) {
      const host = `new-${n}.example.com`;
      await pool(`new-${n}`);
      await backend(`new-${n}`, 7);
      yield ['new pool and route (reload)', host, () => route(host, `new-${n}`), ({ body }) => body === '7', { allowed: [200, 404] }];
    }
  }
}

async function underLoad(stage, { call, proxyPort, tlsPort, ports }) {
  const probe = new Probe(proxyPort, tlsPort);
  const turns = kinds(call, ports, probe);
  await turns.next();
  await probe.watch('sticky.example.com', ({ status }) => status === 200, { allowed: [200, 404, 503] });
  const load = await stage.script('bench/support/paced-load.mjs', {
    job: { port: proxyPort, host: 'routes.example.com', rate: Number(values.rate), connections: 16 },
  });
  const times = new Map();
  const saved = [];
  const cold = [];
  let never = 0;
  for (let n = -Number(values['warm-up']); n < Number(values.changes); n++) {
    const { value } = await turns.next();
    const [kind, host, change, shows, how] = value;
    const from = performance.now();
    const made = change().then(() => n >= 0 && saved.push(performance.now() - from));
    const at = await probe.watch(host, shows, how);
    await made;
    if (at === undefined) never++;
    else if (n < 0) cold.push(at - from);
    else times.set(kind, [...(times.get(kind) ?? []), at - from]);
    await pause(5);
  }
  const done = new Promise((ok) => load.child.once('message', ok));
  load.child.send('stop');
  return { times, saved, cold, never, probe: probe.failures, load: await done };
}

const TENANTS = 20;

async function manyPools(engine, { api, call, operator, pid, proxyPort, ports }) {
  const memory = () => ({
    program: residentMb(pid),
    engine: family(pid).filter((p) => nameOf(p) === 'haproxy').reduce((sum, p) => sum + residentMb(p), 0),
  });
  const count = Number(values.pools);
  const each = Math.ceil(count / TENANTS);
  const callers = [call];
  for (let t = 1; t < TENANTS; t++) callers.push((await signUp(api, `bench-${t}@example.com`, operator)).call);
  const before = memory();
  const hostOf = (t, p) => `many-${t}-${p}.example.com`;
  let pieces = 0;
  let busy = 0;
  // a machine this small may be too busy to answer within the database's time limit: what 503 asks for is to come again
  const again = async (work) => {
    for (;;)
      try {
        return await work();
      } catch (e) {
        if (e.status !== 503 || ++busy > 20) throw e;
        await pause(1000);
      }
  };
  const bulk = async (caller, what, items) => {
    for (let i = 0; i < items.length; i += 250) {
      const { failed, results } = await again(() => caller('POST', `/api/bulk/${what}`, { items: items.slice(i, i + 250) }, { 'idempotency-key': `many-${++pieces}` }));
      if (failed) throw new Error(JSON.stringify(results.find((r) => r.status >= 400)));
    }
  };
  const began = performance.now();
  for (const [t, caller] of callers.entries()) {
    const names = Array.from({ length: each }, (_, p) => `many-${p}`);
    await bulk(caller, 'pools', names.map((name) => ({ name, algorithm: 'round_robin', health_check: CHECKS })));
    await bulk(caller, 'backends', names.flatMap((pool) => ports.map((port) => ({ pool, address: `127.0.0.1:${port}` }))));
    await bulk(caller, 'routes', names.map((pool, p) => ({ pool, host: hostOf(t, p) })));
  }
  const stored = performance.now();
  const probe = new Probe(proxyPort);
  await probe.watch(hostOf(TENANTS - 1, each - 1), ({ status }) => status === 200, { allowed: [200, 404, 503] });
  const carried = performance.now();
  await pause(3000);
  const after = memory();
  const { id } = (await call('GET', `/api/routes?host=${hostOf(0, 0)}`))[0];
  await call('POST', '/api/pools', { name: 'other', algorithm: 'round_robin', health_check: { enabled: false } });
  await call('POST', '/api/backends', { pool: 'other', address: `127.0.0.1:${ports[9]}` });
  await pause(3000);
  const changes = [];
  for (let n = 0; n < 42; n++) {
    const toOther = n % 2 === 0;
    const from = performance.now();
    const made = call('PUT', `/api/routes/${id}`, { pool: toOther ? 'other' : 'many-1' });
    // ten upstreams take turns in many-1, so an answer of another one than 9 shows it, and two of 9 the other
    const at = await probe.watch(hostOf(0, 0), (a, b) => (toOther ? a.body === '9' && b?.body === '9' : a.body !== '9' && a.body !== ''));
    await made;
    if (at !== undefined && n >= 2) changes.push(at - from);
    await pause(20);
  }
  const applied = [];
  for (let n = 0; n < 5; n++) {
    const from = performance.now();
    await operator('POST', '/api/reload');
    applied.push(performance.now() - from);
  }
  return { count: each * TENANTS, before, after, busy, stored: stored - began, carried: carried - stored, changes, applied, engine };
}

const ms = (value) => (value === undefined ? '–' : value.toFixed(value < 100 ? 1 : 0));
const failed = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);

function printChanges(engine, { times, saved, cold, never, probe, load }) {
  console.log(`\n**${engine}**: ${values.changes} changes at ${values.rate} requests/s (${load.requests} requests, p50 ${ms(load.p50)} ms, p99 ${ms(load.p99)} ms); failed: ${failed(load.failures)} of the load, ${failed(probe)} of the probes${failed(load.failures) + failed(probe) ? ` ${JSON.stringify({ load: load.failures, probe })}` : ''}; never seen: ${never}\n`);
  console.log('| change | n | call → effect p50 ms | p99 ms | max ms |\n|---|---|---|---|---|');
  for (const [kind, list] of [...times].sort()) console.log(`| ${kind} | ${list.length} | ${ms(quantile(list, 0.5))} | ${ms(quantile(list, 0.99))} | ${ms(Math.max(...list))} |`);
  const live = [...times].filter(([kind]) => !kind.includes('reload')).flatMap(([, list]) => list);
  const certificates = [...times].filter(([kind]) => kind.includes('certificate'));
  const reloads = [...times].filter(([kind]) => kind.includes('reload')).flatMap(([, list]) => list);
  for (const [what, list] of [['servers, weights, routes, certificates together', live], ['what makes HAProxy reload, together', reloads], ['the API call alone', saved], ['the changes before, to warm up', cold]])
    if (list.length) console.log(`| ${what} | ${list.length} | ${ms(quantile(list, 0.5))} | ${ms(quantile(list, 0.99))} | ${ms(Math.max(...list))} |`);
  const figures = (list) => `p50 ${ms(quantile(list, 0.5))} ms, p99 ${ms(quantile(list, 0.99))} ms`;
  row({ what: `${engine}: call → effect of servers, weights, routes, certificates`, ours: figures(live), aim: 'p50 < 10, p99 < 50 ms' });
  for (const [kind, list] of certificates) row({ what: `${engine}: of these, a ${kind} alone`, ours: figures(list) });
  row({ what: `${engine}: call → effect of pools`, ours: figures(reloads), aim: engine === 'haproxy' ? '< 1 s (reload)' : 'p50 < 10, p99 < 50 ms' });
  row({ what: `${engine}: failed requests of ${load.requests} during ${Number(values.changes) + Number(values['warm-up'])} changes`, ours: String(failed(load.failures) + failed(probe)), aim: '0' });
}

function printMany({ count, busy, before, after, stored, carried, changes, applied, engine }) {
  console.log(`\n| ${engine}: ${count} pools × ${UPSTREAMS} backends | |\n|---|---|`);
  console.log(`| stored over the API, in pieces of 250, 20 tenants | ${(stored / 1000).toFixed(1)} s${busy ? `, answered 503 ${busy} times and sent again` : ''} |`);
  console.log(`| last one carried after that | ${ms(carried)} ms |`);
  console.log(`| the whole compiled and applied again (/api/reload), median | ${ms(quantile(applied, 0.5))} ms |`);
  console.log(`| one change (route), p50 / max of ${changes.length} | ${ms(quantile(changes, 0.5))} / ${ms(Math.max(...changes))} ms |`);
  console.log(`| memory of the program | ${before.program.toFixed(0)} → ${after.program.toFixed(0)} MB |`);
  row({
    what: `${engine}: ${count} pools × ${UPSTREAMS} backends: applied, one change p50, memory`,
    ours: `${ms(quantile(applied, 0.5))} ms, ${ms(quantile(changes, 0.5))} ms, +${(after.program - before.program + after.engine - before.engine).toFixed(0)} MB`,
  });
  if (after.engine) console.log(`| memory of HAProxy | ${before.engine.toFixed(0)} → ${after.engine.toFixed(0)} MB |`);
}

for (const engine of values.engine.split(',')) {
  if (engine === 'haproxy' && spawnSync('haproxy', ['-v'], { stdio: 'ignore' }).error) {
    console.log('\nhaproxy is not installed here: left out');
    continue;
  }
  const stage = new Stage();
  try {
    const { ports } = await stage.script('bench/support/named-upstreams.mjs', { job: { count: UPSTREAMS } });
    const program = await stage.program({ DATA_PLANE: engine });
    const { call, operator } = await signUp(program.api);
    const scene = { ...program, call, operator, ports };
    if (Number(values.changes) > 0) printChanges(engine, await underLoad(stage, scene));
    if (Number(values.pools) > 0) printMany(await manyPools(engine, scene));
  } finally {
    await stage.close();
  }
}
