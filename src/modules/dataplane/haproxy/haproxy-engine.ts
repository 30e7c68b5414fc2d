import { readdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type DataPlaneEngine,
  type EngineHealth,
  type EngineStats,
  type HealthChange,
  SnapshotRefused,
  type TelemetryBatch,
} from '../engine.js';
import type { PoolConfig, Snapshot } from '../snapshot.js';
import { LogReceiver } from './access-log.js';
import { ApplyQueue, type ApplyTarget, Postponed } from './apply-queue.js';
import { HaproxyError, probeVersion } from './binary.js';
import { type Choices, choose, readChoices, writeChoices } from './choices.js';
import { Deployment } from './deployment.js';
import { ConfigurationFiles } from './files.js';
import { HostAddresses } from './host-addresses.js';
import { Observer, requestsInFlight } from './observer.js';
import { fixedOptions, type HaproxyEngineOptions } from './options.js';
import { HaproxyProcess } from './process.js';
import { checkSnapshot } from './render.js';
import { parseStat } from './stats.js';

const EMPTY: Snapshot = { version: 0, tenants: new Map() };
const POLL_MS = 2_000;
/** After the statistics of very many servers, a rest of this many times what it took to read them. */
const LEAST_REST = 20;
const RESTART_MS = { first: 100, longest: 5_000 };

/**
 * The data plane by HAProxy. This class puts the parts together: what a snapshot becomes is in render.ts, how it gets
 * there in plan.ts and deployment.ts, what HAProxy tells in observer.ts.
 */
export class HaproxyEngine implements DataPlaneEngine {
  readonly kind = 'haproxy';
  private readonly files: ConfigurationFiles;
  private readonly process: HaproxyProcess;
  private readonly addresses = new HostAddresses((host) => this.addressChanged(host));
  private readonly observer = new Observer((backend) => this.addresses.address(backend));
  private readonly receiver = new LogReceiver((line, isLocal) =>
    this.observer.readLine(line, this.choices?.logKey ?? '', isLocal),
  );
  private readonly queue = new ApplyQueue(EMPTY, (target) => this.run(target));
  private deployment: Deployment | null = null;
  private choices: Choices | null = null;
  private snapshot = EMPTY;
  private lastError: string | null = null;
  private polling: NodeJS.Timeout | null = null;
  private stepping: NodeJS.Timeout | null = null;
  private begun = false;
  private closed = false;
  private restart: NodeJS.Timeout | null = null;
  private restartMs = RESTART_MS.first;

  constructor(private readonly options: HaproxyEngineOptions) {
    this.files = new ConfigurationFiles(options.directory);
    this.process = new HaproxyProcess({
      binary: this.binary,
      configuration: this.files.configuration,
      masterSocket: this.files.socket('master.sock'),
      logFile: this.files.path('haproxy.log'),
      directory: this.files.path('.'),
      onExit: () => this.onExit(),
    });
  }

  /** Pid of the worker that accepts connections; null when HAProxy does not run. */
  get workerPid(): number | null {
    return this.process.workerPid;
  }

  /** Reloads since the start; what the runtime API can do needs none. */
  get reloads(): number {
    return this.deployment?.reloads ?? 0;
  }

  /** Why the last reload was needed. */
  get reloadReasons(): readonly string[] {
    return this.deployment?.lastReasons ?? [];
  }

  /**
   * Starts HAProxy, or adopts one that runs in the directory already: that one carries the old traffic until the first
   * snapshot, whose reload hands its listeners over.
   */
  async start(): Promise<void> {
    if (!this.attached) await probeVersion(this.binary);
    await this.files.prepare();
    const adopted = await this.process.adopt();
    this.choices = await this.choose(adopted);
    this.deployment = this.makeDeployment(this.choices);
    this.deployment.continueFrom(await this.lastSocketNumber());
    if (!adopted || this.snapshot !== EMPTY) await this.begin();
    this.begun = true;
    this.pollLater(this.options.pollMs ?? POLL_MS);
    const { weightStepMs = 5_000 } = this.options;
    this.stepping = setInterval(() => this.stepWeights(weightStepMs), weightStepMs).unref();
  }

  /** Before the start it only checks the snapshot; the start then begins with it. */
  apply(snapshot: Snapshot): Promise<void> {
    return this.queue.push(snapshot);
  }

  health(): EngineHealth {
    return {
      running: this.process.running,
      version: this.queue.version,
      lastError: this.lastError,
      ports: { http: this.choices?.http ?? null, https: this.choices?.https ?? null },
    };
  }

  /** As of the last poll. */
  stats(): EngineStats {
    return this.observer.stats();
  }

  drainTelemetry(): TelemetryBatch {
    return this.observer.drainTelemetry();
  }

  onHealthChange(listener: (change: HealthChange) => void): void {
    this.observer.onHealthChange(listener);
  }

  async stop(deadlineMs: number): Promise<void> {
    const { workerPid } = this;
    this.close('the engine is stopped');
    // Idle twice in a row: a request that was just accepted has no server yet.
    let idle = 0;
    const isDone = async (): Promise<boolean> => {
      idle = (await this.isIdle(workerPid)) ? idle + 1 : 0;
      return idle >= 2;
    };
    if (this.attached) this.process.forget();
    else {
      await this.process.stop(deadlineMs, isDone);
      await this.files.clear();
    }
    // The last lines of the log are still in the socket's buffer.
    await turn();
    await turn();
    this.receiver.stop();
  }

  /** Goes and leaves HAProxy running; the next engine in the same directory adopts it. */
  detach(): void {
    this.close('the engine is detached');
    this.process.forget();
    this.receiver.stop();
  }

  private get binary(): string {
    return this.options.binary ?? 'haproxy';
  }

  private get attached(): boolean {
    return this.options.mode === 'attach';
  }

  private close(reason: string): void {
    this.closed = true;
    clearInterval(this.stepping ?? undefined);
    clearTimeout(this.polling ?? undefined);
    if (this.restart) clearTimeout(this.restart);
    this.addresses.stop();
    this.deployment?.stop();
    this.queue.close(new SnapshotRefused(reason));
  }

  private makeDeployment(choices: Choices): Deployment {
    return new Deployment(fixedOptions(this.options, choices), {
      files: this.files,
      process: this.process,
      start: () => this.startProcess(),
      binary: this.attached ? null : this.binary,
      overrides: {
        address: (backend) => this.addresses.address(backend),
        weight: (backendId) => this.observer.weight(backendId),
      },
      isDown: (backendId) => this.observer.isDown(backendId),
      prepare: (snapshot) => this.addresses.use(hostNames(snapshot)),
    });
  }

  /** One that we do not start ourselves may have read older files when it came up. */
  private async startProcess(): Promise<void> {
    if (!this.attached) return this.process.start();
    if (!(await this.process.adopt())) throw new HaproxyError('HAProxy does not run');
    await this.process.reload();
  }

  /**
   * Begins with what was applied before the start; without a tenant whose part HAProxy refuses, and with nothing when it
   * is nobody's.
   */
  private async begin(): Promise<void> {
    let attempt = this.queue.poke();
    if (this.attached) {
      // Somebody else will start it, with the files that are there now.
      attempt.catch(() => {});
      return;
    }
    let refusal: SnapshotRefused | null = null;
    for (;;) {
      try {
        await attempt;
        break;
      } catch (error) {
        if (!(error instanceof SnapshotRefused) || this.snapshot === EMPTY) throw error;
        refusal ??= error;
        const slice = this.snapshot.tenants.get(error.tenantId ?? '');
        if (!slice || !this.deployment!.leaveOut(slice)) {
          this.snapshot = EMPTY;
          this.queue.revert(EMPTY);
        }
        attempt = this.queue.poke();
      }
    }
    this.lastError = refusal?.message ?? null;
  }

  private async choose(adopted: boolean): Promise<Choices> {
    const before = await readChoices(this.files);
    const { logAddress, logPort = 0 } = this.options;
    const listen = logAddress === undefined ? '127.0.0.1' : '0.0.0.0';
    const log = await this.receiver.start(listen, logPort || before?.log || 0);
    const choices = await choose(this.options, log, before, adopted);
    writeChoices(this.files, choices);
    return choices;
  }

  private async lastSocketNumber(): Promise<number> {
    const names = await readdir(this.files.sockets);
    return Math.max(0, ...names.map((name) => Number(/^stats\.(\d+)\.sock$/.exec(name)?.[1] ?? 0)));
  }

  private async run(target: ApplyTarget): Promise<void> {
    try {
      if (this.deployment) await this.deployment.apply(target);
      else checkSnapshot(target.snapshot);
      this.snapshot = target.snapshot;
      this.observer.use(target.snapshot);
      this.lastError = null;
      this.restartMs = RESTART_MS.first;
    } catch (error) {
      this.lastError = (error as Error).message;
      // Whoever starts the engine is told; later it is tried again and again.
      if (error instanceof Postponed && !this.begun && !this.attached) throw new HaproxyError(error.message);
      if (this.deployment && !this.process.running) this.restartLater();
      throw error;
    }
  }

  private onExit(): void {
    this.lastError = 'HAProxy ended';
    this.deployment?.forgetWorker();
    this.restartLater();
  }

  /** Sooner after a first failure than after many. */
  private restartLater(): void {
    if (this.restart) return;
    this.restart = setTimeout(() => {
      this.restart = null;
      this.queue.poke().catch(() => {});
    }, this.restartMs).unref();
    this.restartMs = Math.min(RESTART_MS.longest, this.restartMs * 2);
  }

  /** A poll that fails says nothing: HAProxy is being replaced, or its end is noticed elsewhere. */
  private async poll(): Promise<void> {
    let cost = 0;
    try {
      const csv = await this.deployment!.readStatistics();
      const began = performance.now();
      this.observer.readStatistics(csv);
      cost = performance.now() - began;
    } catch {
      // The next one tells.
    }
    this.pollLater(Math.max(this.options.pollMs ?? POLL_MS, cost * LEAST_REST));
  }

  private pollLater(milliseconds: number): void {
    if (this.closed) return;
    this.polling = setTimeout(() => void this.poll(), milliseconds).unref();
  }

  private stepWeights(intervalMs: number): void {
    this.renderAgain(this.observer.stepWeights(intervalMs));
  }

  private addressChanged(host: string): void {
    const tenants = [...this.snapshot.tenants.values()].filter(({ pools }) =>
      pools.some(({ backends }) => backends.some((backend) => backend.host === host)),
    );
    this.renderAgain(new Set(tenants.map(({ tenantId }) => tenantId)));
  }

  private renderAgain(tenantIds: ReadonlySet<string>): void {
    if (tenantIds.size === 0) return;
    for (const tenantId of tenantIds) this.deployment!.invalidate(tenantId);
    this.queue.poke().catch(() => {});
  }

  private async isIdle(workerPid: number | null): Promise<boolean> {
    if (workerPid === null) return true;
    try {
      return requestsInFlight(parseStat(await this.process.askWorker(workerPid, 'show stat -1 4 -1'))) === 0;
    } catch {
      // If it is gone, its end is noticed elsewhere.
      return false;
    }
  }
}

/** Of each pool that was seen: what is not an address. */
const namedHosts = new WeakMap<PoolConfig, readonly string[]>();

/** Names of hosts that are to be resolved. */
function hostNames({ tenants }: Snapshot): Set<string> {
  const names = new Set<string>();
  for (const { pools } of tenants.values()) {
    for (const pool of pools) {
      let named = namedHosts.get(pool);
      if (!named) {
        named = pool.backends.map(({ host }) => host).filter((host) => isIP(host) === 0);
        namedHosts.set(pool, named);
      }
      for (const name of named) names.add(name);
    }
  }
  return names;
}
