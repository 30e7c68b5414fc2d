import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createClient, type VeloFluxClient } from '../../client/index.js';
import { haproxiesOf, killAll } from './processes.js';

const MAIN = path.resolve('dist/src/main.js');
const START_LIMIT_MS = 60_000;

export interface TestServer {
  /** Base URLs. */
  readonly api: string;
  readonly admin: string;
  readonly proxy: string;
  /** Port of the data plane's TLS door. */
  readonly proxyTlsPort: number;
  readonly process: ChildProcess;
  readonly dataDir: string;
  /** The end of what it printed. */
  output(): string;
  /** A client of the API, with the token when given. */
  client(token?: string): VeloFluxClient;
  /** Asks it to stop as an operator would and waits until it has. @returns the exit code */
  stop(): Promise<number | null>;
  /**
   * kill -9. An HAProxy of its data directory carries on, as it should, when the directory was given: who gave it stops
   * what is left there (`killAll(haproxiesOf(dataDir))`). A directory of the server's own goes with all that runs in it.
   */
  kill(): Promise<void>;
}

export interface ServerOptions {
  env?: Record<string, string>;
  /** Kept when given; otherwise a fresh one that goes with the server. */
  dataDir?: string;
}

/** `npm run chaos` runs whole-program tests on each engine. */
const CHOSEN: Record<string, string> = process.env.DATA_PLANE ? { DATA_PLANE: process.env.DATA_PLANE } : {};
const QUIET = {
  LOG_LEVEL: 'error',
  NODE_ENV: 'test',
  RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '0',
  RATE_LIMIT_ANONYMOUS_PER_MINUTE: '0',
  RATE_LIMIT_TOKEN_PER_HOUR: '0',
};
const ANY_PORT = { PORT: '0', PORT_ALIASES: '', ADMIN_PORT: '0', PROXY_PORT: '0', PROXY_TLS_PORT: '0' };

/** Starts the built program as its own process on free ports, with a database of its own below its data directory. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? testDirectory();
  const child = fork(MAIN, [], {
    env: { PATH: process.env.PATH, ...QUIET, ...CHOSEN, ...ANY_PORT, DATA_DIR: dataDir, ...options.env },
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (d: Buffer) => {
      output = (output + d.toString()).slice(-8000);
    });
  const ports = await ready(child, () => output);
  const at = (port: number) => `http://127.0.0.1:${port}`;
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const finish = async () => {
    const code = await exited;
    if (!options.dataDir) rmSync(dataDir, { recursive: true, force: true });
    return code;
  };
  return {
    api: at(ports.api[0]!),
    admin: at(ports.admin),
    proxy: at(ports.proxy),
    proxyTlsPort: ports.proxyTls,
    process: child,
    dataDir,
    output: () => output,
    client: (token) => createClient(at(ports.api[0]!), token),
    stop() {
      child.kill('SIGTERM');
      return finish();
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
      if (options.dataDir) return;
      killAll(haproxiesOf(dataDir));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function ready(
  child: ChildProcess,
  output: () => string,
): Promise<{ api: number[]; admin: number; proxy: number; proxyTls: number }> {
  return new Promise((ok, no) => {
    const limit = setTimeout(
      () => no(new Error(`the server did not start in time:\n${output()}`)),
      START_LIMIT_MS,
    );
    child.once('exit', (code) => {
      clearTimeout(limit);
      no(new Error(`the server ended with ${code}:\n${output()}`));
    });
    child.on('message', (message: { type?: string; ports?: never }) => {
      if (message.type !== 'ready') return;
      clearTimeout(limit);
      ok(message.ports!);
    });
  });
}

export interface SignedInTenant {
  tenantId: string;
  userId: string;
  email: string;
  password: string;
  token: string;
  refreshToken: string;
}

/** A directory that the embedded PostgreSQL's account may enter too. */
export function testDirectory(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'veloflux-test-'));
  chmodSync(dir, 0o755);
  return dir;
}

let counter = 0;
export const unique = (prefix: string): string =>
  `${prefix}-${process.pid.toString(36)}${Date.now().toString(36)}${(counter++).toString(36)}`;

/** Registers a person with a tenant of their own; on `plan` when given. */
export async function newTenant(
  server: TestServer,
  plan?: 'basic' | 'professional' | 'enterprise',
): Promise<SignedInTenant> {
  const email = `${unique('owner')}@example.com`;
  const password = 'Correct-Horse-9-Battery';
  const { data, error } = await server
    .client()
    .POST('/api/auth/register', { body: { email, password, name: 'Ada Byron' } });
  if (!data) throw new Error(`not registered: ${error?.message}`);
  if (plan) {
    const admin = server.client(await adminToken(server));
    const changed = await admin.PUT('/api/tenants/{id}', {
      params: { path: { id: data.tenant_id } },
      body: { plan },
    });
    if (changed.error) throw new Error(changed.error.message);
  }
  return {
    tenantId: data.tenant_id,
    userId: data.user_id,
    email,
    password,
    token: data.token,
    refreshToken: data.refresh_token!,
  };
}

/** An access token of the superadmin that the first start makes. */
export async function adminToken(server: TestServer): Promise<string> {
  const { data, error } = await server
    .client()
    .POST('/api/auth/login', { body: { username: 'admin', password: 'admin123' } });
  if (!data) throw new Error(`not signed in: ${error?.message}`);
  return data.token;
}

/** Asks again until `probe` answers something truthy. */
export async function until<T>(
  what: string,
  probe: () => Promise<T> | T,
  timeoutMs = 45_000,
): Promise<NonNullable<T>> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value as NonNullable<T>;
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}
