// What the benches share: the built program on ports of its own, other scripts as processes, one tenant, figures.
import { fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { request } from 'undici';
import { root } from '../../scripts/ensure.mjs';

const UNLIMITED = { RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '0', RATE_LIMIT_ANONYMOUS_PER_MINUTE: '0', RATE_LIMIT_TOKEN_PER_HOUR: '0' };
const ANY_PORT = { PORT: '0', PORT_ALIASES: '', ADMIN_PORT: '0', PROXY_PORT: '0', PROXY_TLS_PORT: '0' };

export const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));
export const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];
export const median = (list) => quantile(list, 0.5);

/** Processes and directories of one run; `close` ends and removes them all. */
export class Stage {
  started = [];
  directories = [];

  /** A script of bench/support, or the program, as a process; its first message with `child` and `pid`. */
  script(file, { env = {}, args = [], execArgv = [], job } = {}) {
    const child = fork(path.join(root, file), args, { env: { PATH: process.env.PATH, ...env }, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.started.push(child);
    if (job) child.send(job);
    return new Promise((ok, no) => {
      child.once('message', (message) => ok({ child, pid: child.pid, ...message }));
      child.once('exit', (code) => no(new Error(`${file} ended with ${code}`)));
    });
  }

  async directory() {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'veloflux-bench-'));
    this.directories.push(dir);
    return dir;
  }

  /** The built program with an embedded database of its own. */
  async program(env = {}, execArgv = []) {
    const dataDir = await this.directory();
    const { ports, child, pid } = await this.script('dist/src/main.js', {
      env: { DATA_DIR: dataDir, NODE_ENV: 'test', LOG_LEVEL: 'error', ...ANY_PORT, ...UNLIMITED, ...env },
      execArgv,
    });
    return { child, pid, dataDir, api: `http://127.0.0.1:${ports.api[0]}`, proxyPort: ports.proxy, tlsPort: ports.proxyTls };
  }

  async close() {
    for (const child of this.started.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.removeAllListeners('exit');
      const ended = new Promise((ok) => child.once('exit', ok));
      // HAProxy outlives a program that has to be killed
      const all = family(child.pid);
      child.kill('SIGTERM');
      const force = setTimeout(() => all.forEach(killed), 8000);
      await ended;
      clearTimeout(force);
    }
    for (const dir of this.directories) await rm(dir, { recursive: true, force: true });
  }
}

function killed(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** JSON over HTTP as one person. @throws on any status but 2xx */
export function caller(api, token) {
  return async (method, target, body, more = {}) => {
    const { statusCode: status, body: answer } = await request(api + target, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }), ...more },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (status >= 300) throw Object.assign(new Error(`${method} ${target}: ${status} ${text.slice(0, 500)}`), { status });
    return text ? JSON.parse(text) : undefined;
  };
}

/** Registers an owner with a tenant on the largest plan; `known` calls as the superadmin. */
export async function signUp(api, email = 'bench@example.com', known = undefined) {
  const person = { email, password: 'long-enough-1', name: 'Bench' };
  const { token, tenant_id: tenantId } = await caller(api)('POST', '/api/auth/register', person);
  const operator = known ?? caller(api, (await caller(api)('POST', '/api/auth/login', { username: 'admin', password: 'admin123' })).token);
  await operator('PUT', `/api/tenants/${tenantId}`, { plan: 'enterprise' });
  return { token, tenantId, call: caller(api, token), operator };
}

/** Processes started by `pid`, itself included; Linux only. */
export function family(pid) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]];
      } catch {
        return [];
      }
    });
  const below = (of) => parents.filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)]);
  return [pid, ...below(pid)];
}

const fieldOf = (pid, file, pattern) => {
  try {
    return pattern.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
};
export const nameOf = (pid) => fieldOf(pid, 'comm', /(.*)/) ?? '';
/** Resident memory of a process in MB, 0 when it is gone. */
export const residentMb = (pid) => Number(fieldOf(pid, 'status', /VmRSS:\s+(\d+)/) ?? 0) / 1024;
