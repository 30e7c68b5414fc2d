import { rm } from 'node:fs/promises';
import { SnapshotRefused } from '../engine.js';
import type { Snapshot, TenantSlice } from '../snapshot.js';
import type { ApplyTarget } from './apply-queue.js';
import { Postponed } from './apply-queue.js';
import { findFault, HaproxyError } from './binary.js';
import type { ConfigurationFiles } from './files.js';
import type { Rendered, TenantFragment } from './model.js';
import { type Plan, plan } from './plan.js';
import { type HaproxyProcess } from './process.js';
import { filesOf, render, tenantAt } from './render.js';
import type { RenderOptions } from './render-base.js';
import { type BackendOverrides, PoolRenderer } from './render-pools.js';
import { renderTenant } from './render-tenant.js';
import { ask, RuntimeApiError, runCommands } from './runtime-api.js';
import { ServerReaper } from './server-reaper.js';
import { stateFile } from './state-file.js';

/** What stays the same from one configuration to the next. */
export type FixedOptions = Omit<RenderOptions, 'statsSocket' | 'stateFile'>;

export interface DeploymentContext {
  readonly files: ConfigurationFiles;
  readonly process: HaproxyProcess;
  /** Brings up an HAProxy that runs what the files say. @throws HaproxyError when it cannot. */
  readonly start: () => Promise<void>;
  /** Null where HAProxy is not installed (it runs elsewhere); then only a reload shows what it thinks of a file. */
  readonly binary: string | null;
  readonly overrides: BackendOverrides;
  readonly isDown: (backendId: string) => boolean;
  /** Called before a snapshot is rendered. */
  readonly prepare: (snapshot: Snapshot) => Promise<void>;
}

interface CachedTenant {
  readonly slice: TenantSlice;
  readonly fragment: TenantFragment;
  readonly pools: PoolRenderer;
}

const STATE_FILE = 'server-state';
/** A worker that is going accepts connections that it never answers. */
const STATISTICS_TIMEOUT_MS = 3_000;

/** Brings what HAProxy runs to what a snapshot says: by the runtime API where it can, else by a reload. */
export class Deployment {
  /** Reloads that succeeded. */
  reloads = 0;
  /** Why the last reload was needed. */
  lastReasons: readonly string[] = [];
  private readonly cache = new Map<string, CachedTenant>();
  /** Refused when there was no last good one to go on with; another slice of the tenant has another chance. */
  private readonly leftOut = new Set<TenantSlice>();
  private readonly reaper = new ServerReaper(() => this.statsSocket);
  private socketNumber = 0;
  /** What the worker read, and what it is now. Null when that is not known. */
  private worker: { loaded: Rendered; current: Rendered } | null = null;
  /** Duration of the last reload with its check, ms. */
  private reloadCost = 150;

  constructor(
    private readonly options: FixedOptions,
    private readonly context: DeploymentContext,
  ) {}

  /** Socket of the newest worker's runtime API. */
  get statsSocket(): string {
    return this.socketPath(this.socketNumber);
  }

  /** Its fragments must be rendered again: an address or a weight is another one. */
  invalidate(tenantId: string): void {
    this.cache.delete(tenantId);
  }

  /** The worker is gone, or is not ours: the next snapshot takes a start or a reload. */
  forgetWorker(): void {
    this.worker = null;
    this.reaper.clear();
  }

  /** Numbers of sockets go on where an adopted worker's ended. */
  continueFrom(socketNumber: number): void {
    this.socketNumber = socketNumber;
  }

  /**
   * From now on this slice is left out: one tenant's part must not keep the others' from being served. False when it is
   * already.
   */
  leaveOut(slice: TenantSlice): boolean {
    if (this.leftOut.has(slice)) return false;
    this.leftOut.add(slice);
    return true;
  }

  /** Puts the target into effect. @throws SnapshotRefused, Postponed when HAProxy does not run. */
  async apply(target: ApplyTarget): Promise<void> {
    if (this.context.process.running) {
      const rendered = await this.render(target.snapshot, this.socketNumber);
      const step = this.plan(rendered);
      if (step.kind === 'runtime' && (await this.change(step, rendered))) return;
      this.lastReasons = step.kind === 'reload' ? step.reasons : ['a runtime command failed'];
      await target.settle(this.reloadCost);
    }
    await this.replace(target.snapshot);
  }

  /** Starts HAProxy, or lets a new worker take over, with a configuration that was checked. */
  async replace(snapshot: Snapshot): Promise<void> {
    const began = performance.now();
    const number = this.socketNumber + 1;
    const rendered = await this.render(snapshot, number);
    const staged = await this.context.files.stage(filesOf(rendered));
    const fault = this.context.binary === null ? null : await findFault(this.context.binary, staged.path);
    if (fault !== null) {
      await staged.discard();
      const refusal = new SnapshotRefused(fault.message);
      for (const place of fault.places) refusal.tenantId ??= tenantAt(rendered, place);
      throw refusal;
    }
    this.context.files.write(STATE_FILE, stateFile(rendered, this.context.isDown));
    const undo = await staged.activate();
    try {
      await this.startOrReload();
    } catch (error) {
      await undo();
      throw error;
    }
    await rm(this.statsSocket, { force: true });
    this.socketNumber = number;
    this.worker = { loaded: rendered, current: rendered };
    this.reaper.clear();
    this.reloadCost = performance.now() - began;
    await this.context.files.prune();
  }

  stop(): void {
    this.reaper.clear();
  }

  private async startOrReload(): Promise<void> {
    const { process } = this.context;
    if (process.running) {
      try {
        await process.reload();
        this.reloads++;
        return;
      } catch (error) {
        // It may have died meanwhile; then there is nothing to keep.
        if (process.running) throw new SnapshotRefused((error as Error).message);
      }
    }
    await this.context.start().catch((error: unknown) => {
      if (error instanceof HaproxyError) throw new Postponed(error.message);
      throw error;
    });
  }

  private plan(rendered: Rendered): Plan {
    if (!this.worker) return { kind: 'reload', reasons: ['the worker runs an unknown configuration'] };
    return plan({ ...this.worker, deleting: this.reaper.pending }, rendered);
  }

  /**
   * False when HAProxy refused a command. The next try is a reload then, because those before it have run, and also when
   * the files cannot be written, because nobody knows what a worker that begins now would read.
   */
  private async change(step: Plan & { kind: 'runtime' }, rendered: Rendered): Promise<boolean> {
    try {
      await this.runPhases(step.phases);
    } catch (error) {
      this.forgetWorker();
      if (error instanceof RuntimeApiError || (error as NodeJS.ErrnoException).syscall !== undefined)
        return false;
      throw error;
    }
    try {
      this.context.files.update(filesOf(rendered));
    } catch (error) {
      this.forgetWorker();
      throw error;
    }
    if (!this.worker) return false;
    this.worker = { loaded: this.worker.loaded, current: rendered };
    this.reaper.add(step.removed);
    return true;
  }

  private async runPhases(phases: (Plan & { kind: 'runtime' })['phases']): Promise<void> {
    for (const commands of phases) await runCommands(this.statsSocket, commands);
  }

  private async render(wanted: Snapshot, socketNumber: number): Promise<Rendered> {
    const snapshot = this.withoutLeftOut(wanted);
    await this.context.prepare(snapshot);
    const { files } = this.context;
    const options: RenderOptions = {
      ...this.options,
      statsSocket: this.socketPath(socketNumber),
      stateFile: files.path(STATE_FILE),
    };
    for (const tenantId of this.cache.keys())
      if (!snapshot.tenants.has(tenantId)) this.cache.delete(tenantId);
    return render(snapshot, options, (slice) => this.renderTenant(slice));
  }

  private withoutLeftOut(snapshot: Snapshot): Snapshot {
    for (const slice of this.leftOut)
      if (snapshot.tenants.get(slice.tenantId) !== slice) this.leftOut.delete(slice);
    if (this.leftOut.size === 0) return snapshot;
    const served = [...snapshot.tenants].filter(([, slice]) => !this.leftOut.has(slice));
    return { version: snapshot.version, tenants: new Map(served) };
  }

  private renderTenant(slice: TenantSlice): TenantFragment {
    const known = this.cache.get(slice.tenantId);
    if (known?.slice === slice) return known.fragment;
    const pools = known?.pools ?? new PoolRenderer(this.options.cookieKey, this.context.overrides);
    const fragment = renderTenant(slice, pools);
    this.cache.set(slice.tenantId, { slice, fragment, pools });
    return fragment;
  }

  private socketPath(number: number): string {
    return this.context.files.socket(`stats.${number}.sock`);
  }

  /** The statistics of servers and of the frontend. */
  readStatistics(): Promise<string> {
    return ask(this.statsSocket, 'show stat -1 5 -1', STATISTICS_TIMEOUT_MS);
  }
}
