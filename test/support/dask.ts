import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.js';

/** Debian's own Python comes first: another one on the PATH does not see Debian's packages. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

/** The Python that has Dask's distributed scheduler, null when none has (Debian: python3-distributed). */
const daskPython =
  PYTHONS.find(
    (python) =>
      spawnSync(python, ['-c', 'import distributed, prometheus_client'], { stdio: 'ignore' }).status === 0,
  ) ?? null;

/** The tests where a Python has Dask, with that Python; elsewhere one test that is skipped and says why. */
export function describeWithDask(name: string, tests: (python: string) => void): void {
  if (daskPython !== null) describe(name, () => tests(daskPython));
  else
    it.skip(`${name}: skipped, no Python has Dask (Debian: python3-distributed python3-prometheus-client)`, () => {});
}

/** What `DaskCluster.submit` runs: tasks that sleep, and tasks that fail. */
const CLIENT = `
import sys, time
from distributed import Client, wait

def work(seconds, number):
    time.sleep(seconds)
    return number

def fail(number):
    raise ValueError(number)

address, good, seconds, bad = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
with Client(address) as client:
    futures = client.map(work, [seconds] * good, range(good), pure=False) + client.map(fail, range(bad), pure=False)
    wait(futures)
`;

/** A real Dask scheduler and its workers, on free ports of the loopback interface, stopped by their process ids. */
export class DaskCluster {
  private readonly directory = mkdtempSync(join(tmpdir(), 'dask-'));
  private readonly file = join(this.directory, 'scheduler.json');
  private readonly children = new Set<ChildProcess>();
  private output = '';
  private scheduler: ChildProcess | null = null;
  private identity = { address: '', services: { dashboard: 0 } };

  constructor(private readonly python: string) {}

  /** Of the scheduler's HTTP server. */
  get httpUrl(): string {
    return `http://127.0.0.1:${this.identity.services.dashboard}`;
  }

  /** Where workers connect to, `tcp://…`. */
  get address(): string {
    return this.identity.address;
  }

  /** Starts the scheduler, the second time on another port. */
  async startScheduler(): Promise<void> {
    rmSync(this.file, { force: true });
    this.scheduler = this.spawn(
      ['-m', 'distributed.cli.dask_scheduler', '--host', '127.0.0.1', '--port', '0'],
      ['--dashboard-address', '127.0.0.1:0', '--scheduler-file', this.file],
    );
    this.identity = await this.wait('the scheduler', () => {
      try {
        return JSON.parse(readFileSync(this.file, 'utf8'));
      } catch {
        return null;
      }
    });
  }

  async stopScheduler(): Promise<void> {
    if (this.scheduler !== null) await this.end(this.scheduler);
  }

  /** The command line of a worker, as an agent is given it. */
  workerCommand(name: string, threads: number): string[] {
    return [
      this.python,
      ...['-m', 'distributed.cli.dask_worker', this.address, '--name', name, '--nthreads', String(threads)],
      ...['--host', '127.0.0.1', '--no-dashboard', '--local-directory', this.directory],
    ];
  }

  startWorker(name: string, threads: number): void {
    this.spawn(this.workerCommand(name, threads).slice(1));
  }

  /** Runs `good` tasks of so many seconds each and `bad` ones that fail; resolves when all have ended. */
  async submit(good: number, seconds: number, bad: number): Promise<void> {
    const client = this.spawn(['-c', CLIENT, this.address, String(good), String(seconds), String(bad)]);
    if (client.exitCode === null) await once(client, 'exit');
    if (client.exitCode !== 0) throw new Error(`the Dask client failed\n${this.output}`);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.children].map((child) => this.end(child)));
    rmSync(this.directory, { recursive: true, force: true });
  }

  private spawn(...args: string[][]): ChildProcess {
    const child = spawn(this.python, args.flat(), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += String(chunk);
      });
    }
    return child;
  }

  private async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(killer);
  }

  private wait<T>(what: string, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
    return until(what, condition, 30_000).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`);
    });
  }
}
