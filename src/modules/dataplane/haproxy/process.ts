import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { alerts, HaproxyError } from './binary.js';
import { ask } from './runtime-api.js';

const START_TIMEOUT_MS = 15_000;
const RELOAD_TIMEOUT_MS = 30_000;
/** A master reads its files in this time, however many they are. */
const LONGEST_SILENCE_MS = 10_000;
const POLL_MS = 10;
const ADOPT_ATTEMPTS = 10;
const ADOPT_RETRY_MS = 100;
const WATCH_MS = 500;
const WATCH_ATTEMPTS = 5;
const KILL_AFTER_MS = 2_000;
const LARGEST_LOG = 1_000_000;

/** What `show proc` of the master tells. */
export interface ProcessTable {
  readonly master: number;
  readonly reloads: number;
  /** Reloads since the last one that worked. */
  readonly failed: number;
  /** The worker that accepts connections, null in between. */
  readonly worker: number | null;
}

/** Reads the master's answer to `show proc`. @throws HaproxyError when there is no master in it */
export function parseProcesses(text: string): ProcessTable {
  const [current] = text.split('# old workers');
  const master = /^(\d+)\s+master\s+(\d+)(?:\s+\[failed: (\d+)\])?/m.exec(current);
  if (!master) throw new HaproxyError('the master process gives no answer');
  const worker = /^(\d+)\s+worker\s/m.exec(current);
  return {
    master: Number(master[1]),
    reloads: Number(master[2]),
    failed: Number(master[3] ?? 0),
    worker: worker ? Number(worker[1]) : null,
  };
}

export interface ProcessOptions {
  readonly binary: string;
  /** File or directory, absolute; the same over reloads. */
  readonly configuration: string;
  readonly masterSocket: string;
  readonly logFile: string;
  readonly directory: string;
  /** Called when it is gone without having been told to. */
  readonly onExit: () => void;
}

/**
 * The master process (`haproxy -W`) and its worker. It runs in a process group of its own and survives us; the next
 * start of the control plane finds it by the master socket and adopts it.
 */
export class HaproxyProcess {
  private child: ChildProcess | null = null;
  /** Spawned, and not known to accept connections yet. */
  private starting: ChildProcess | null = null;
  private stopped = false;
  private master: number | null = null;
  private worker: number | null = null;
  private watcher: NodeJS.Timeout | null = null;
  private reloading = false;

  constructor(private readonly options: ProcessOptions) {}

  get running(): boolean {
    return this.master !== null;
  }

  /** Pid of the worker that accepts connections. */
  get workerPid(): number | null {
    return this.worker;
  }

  /** Takes over a master that is running already. False when there is none. */
  async adopt(): Promise<boolean> {
    for (let attempt = 0; attempt < ADOPT_ATTEMPTS; attempt++) {
      const table = await this.processes().catch(() => null);
      if (table?.worker) {
        this.began(table);
        return true;
      }
      if (!existsSync(this.options.masterSocket)) return false;
      // It may be reading its files just now, or the socket is what a dead one left.
      await sleep(ADOPT_RETRY_MS);
    }
    return false;
  }

  /** @throws HaproxyError with HAProxy's own words when it does not come up. */
  async start(): Promise<void> {
    const { binary, configuration, masterSocket, logFile, directory } = this.options;
    await rm(logFile, { force: true });
    if (this.stopped) throw new HaproxyError('HAProxy was stopped');
    // Appending, so that the file can be cut while HAProxy writes.
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(binary, ['-W', '-S', `${masterSocket},mode,600`, '-f', configuration], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.starting = child;
    let exited = false;
    child.on('error', () => {
      exited = true;
    });
    child.on('exit', () => {
      exited = true;
      if (this.child === child) this.ended();
    });
    child.unref();
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!exited && Date.now() < deadline) {
      const table = await this.processes().catch(() => null);
      if (table?.master === child.pid && table?.worker && !this.stopped) {
        this.starting = null;
        this.child = child;
        return this.began(table);
      }
      await sleep(POLL_MS);
    }
    this.starting = null;
    killGroup(child);
    throw new HaproxyError(
      alerts(await readFile(logFile, 'utf8').catch(() => '')) || 'HAProxy does not start',
    );
  }

  /**
   * Lets a new worker read the files; the old one hands its listeners over and finishes what it has. On failure the
   * old one carries on.
   * @throws HaproxyError
   */
  async reload(): Promise<void> {
    this.reloading = true;
    try {
      await this.replaceWorker();
    } finally {
      this.reloading = false;
    }
  }

  private async replaceWorker(): Promise<void> {
    const { logFile, masterSocket } = this.options;
    await this.limitLog();
    const before = await this.processes();
    const read = await sizeOf(logFile);
    const answer = await ask(masterSocket, 'reload').catch(() => '');
    const deadline = Date.now() + RELOAD_TIMEOUT_MS;
    let heard = Date.now();
    // 2.7 and newer answer when they are done; 2.6 answers nothing.
    let failed = answer.includes('Success=0');
    while (!failed && this.running && Date.now() < deadline) {
      const now = await this.processes().catch(() => null);
      if (now) heard = Date.now();
      else if (Date.now() - heard > LONGEST_SILENCE_MS) this.ended();
      if (now?.worker && now.worker !== before.worker) {
        this.worker = now.worker;
        return;
      }
      failed = now !== null && now.reloads > before.reloads && now.failed > 0;
      if (!failed) await sleep(POLL_MS);
    }
    throw new HaproxyError(alerts(await tailOf(logFile, read)) || 'the reload failed');
  }

  /**
   * Soft stop: no new connections, those in flight finish. It ends when `idle` says so or after the deadline
   * (milliseconds), at the latest two seconds later by force. One that is just being started ends at once. Final: it
   * does not start again.
   */
  async stop(deadlineMs: number, idle: () => Promise<boolean>): Promise<void> {
    const { master, child, starting } = this;
    this.stopped = true;
    this.forget();
    if (starting) killGroup(starting);
    if (master === null) return;
    // Not by the pid: one that was adopted may stay a zombie of somebody who does not care.
    const alive = async (): Promise<boolean> =>
      child
        ? child.exitCode === null && child.signalCode === null
        : (await this.processes().catch(() => null)) !== null;
    signal(master, 'SIGUSR1');
    const deadline = Date.now() + deadlineMs;
    while ((await alive()) && Date.now() < deadline && !(await idle())) await sleep(50);
    signal(master, 'SIGTERM');
    const force = Date.now() + KILL_AFTER_MS;
    while ((await alive()) && Date.now() < force) await sleep(POLL_MS);
    // Its process group: the workers, too.
    if (await alive()) signal(-master, 'SIGKILL');
  }

  /** Leaves HAProxy running and no longer watches it. */
  forget(): void {
    if (this.watcher) clearInterval(this.watcher);
    this.watcher = null;
    this.child = null;
    this.master = null;
    this.worker = null;
  }

  /** Asks a worker even when it does not listen any more. */
  askWorker(pid: number, question: string): Promise<string> {
    return ask(this.options.masterSocket, `@!${pid} ${question}`, 2_000);
  }

  private async processes(): Promise<ProcessTable> {
    return parseProcesses(await ask(this.options.masterSocket, 'show proc', 2_000));
  }

  private began(table: ProcessTable): void {
    this.master = table.master;
    this.worker = table.worker;
    // An adopted master is nobody's child here: its end shows only when it is asked.
    if (!this.child) this.watcher = setInterval(() => void this.watch(), WATCH_MS).unref();
  }

  /** While it reads its files again a master answers nobody, so silence counts only when it lasts. */
  private async watch(): Promise<void> {
    for (let attempt = 0; attempt < WATCH_ATTEMPTS; attempt++) {
      const table = await this.processes().catch(() => null);
      if (!this.watcher || this.reloading || table) return;
      await sleep(WATCH_MS / WATCH_ATTEMPTS);
    }
    if (this.watcher && !this.reloading) this.ended();
  }

  private ended(): void {
    this.forget();
    this.options.onExit();
  }

  /** HAProxy repeats state changes on stderr for as long as it runs. */
  private async limitLog(): Promise<void> {
    const { logFile } = this.options;
    if ((await sizeOf(logFile)) > LARGEST_LOG) await truncate(logFile).catch(() => {});
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

/** The master and its workers. */
function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) signal(-pid, 'SIGKILL');
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

async function tailOf(path: string, from: number): Promise<string> {
  const file = await open(path).catch(() => null);
  if (!file) return '';
  try {
    const buffer = Buffer.alloc(64_000);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
