import { EventEmitter, once } from 'node:events';
import os from 'node:os';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { PRODUCT_VERSION } from '../../common/version.js';
import { Environment } from '../../platform/config/environment.js';
import { Database, Notifications, together } from '../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { HealthRegistry } from '../../platform/observability/index.js';
import { type NodeRow, NodesRepository } from './nodes.repository.js';

const HEARTBEAT_MS = 1000;
/** A notification may be lost; this often the table is looked at as well. */
const LOOK_AGAIN_MS = 250;
/** Notification that a node runs another configuration version. */
const APPLIED = 'applied';
interface Applied {
  nodeId: string;
  version: number;
}

export type AppliedResult = { applied: true } | { applied: false; nodes: NodeRow[] };

/** This node's place among the nodes of the control plane, and what each of them runs. */
@Injectable()
export class NodesService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('cluster');
  private readonly events = new EventEmitter().setMaxListeners(0);
  private heartbeats?: Periodic;
  private id: string | null = null;
  private appliedVersion = 0;
  private applyError: string | null = null;
  /** The report that was begun last, and the one that waits for it. */
  private report: Promise<void> = Promise.resolve();
  private nextReport: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly nodes: NodesRepository,
    private readonly environment: Environment,
    private readonly leader: Leader,
    private readonly health: HealthRegistry,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.notifications.on<Applied>(APPLIED, () => this.events.emit('applied'));
    await this.register();
    this.heartbeats = repeat('heartbeat', HEARTBEAT_MS, () => this.heartbeat());
  }

  async onModuleDestroy(): Promise<void> {
    await this.heartbeats?.stop();
    const { id } = this;
    if (id) await this.database.system((tx) => this.nodes.leave(tx, id)).catch(() => undefined);
  }

  /** Name of this node: NODE_NAME, or host and port. */
  get name(): string {
    const { NODE_NAME, PORT } = this.environment;
    return NODE_NAME ?? `${os.hostname()}:${PORT || `pid-${process.pid}`}`;
  }

  /** Null until the node has registered. */
  get localId(): string | null {
    return this.id;
  }

  /** Calls `listener` each second with the installation's configuration version. */
  onVersionSeen(listener: (version: number) => void): void {
    this.events.on('version', listener);
  }

  /** Calls `listener` each second with how many nodes are live, this one included. */
  onLiveSeen(listener: (live: number) => void): void {
    this.events.on('live', listener);
  }

  /**
   * Tells all nodes at once what this one runs, and why it does not run what it should. While one report is under way
   * the next waits, and tells the newest.
   */
  async reportApplied(version: number, error: string | null): Promise<void> {
    this.appliedVersion = version;
    this.applyError = error;
    this.nextReport ??= this.report.then(() => this.reportNow());
    this.report = this.nextReport.catch(() => undefined);
    await this.nextReport;
  }

  list(): Promise<NodeRow[]> {
    return this.database.system((tx) => this.nodes.list(tx));
  }

  /**
   * Waits until every live node runs `version` or a later one; otherwise names the ones that do not. A node that falls
   * silent meanwhile may still carry traffic, so it counts until the end.
   */
  async waitApplied(version: number, timeoutMs: number): Promise<AppliedResult> {
    const deadline = performance.now() + timeoutMs;
    const seenLive = new Set<string>();
    for (;;) {
      const pause = new AbortController();
      const applied = once(this.events, 'applied', { signal: pause.signal }).catch(() => undefined);
      const nodes = (await this.list()).filter((node) => node.status !== 'left');
      for (const node of nodes) if (node.status !== 'down') seenLive.add(node.id);
      const behind = nodes.filter((node) => seenLive.has(node.id) && node.applied_version < version);
      const left = deadline - performance.now();
      if (!behind.length || left <= 0) {
        pause.abort();
        return behind.length ? { applied: false, nodes: behind } : { applied: true };
      }
      const timer = setTimeout(() => pause.abort(), Math.min(left, LOOK_AGAIN_MS));
      await applied;
      clearTimeout(timer);
      pause.abort();
    }
  }

  /** Tells all nodes at once that this one's state changed. */
  async reportState(): Promise<void> {
    await this.heartbeat();
  }

  private async reportNow(): Promise<void> {
    this.nextReport = null;
    const { id, appliedVersion: version } = this;
    if (!id) return;
    await this.database.system(async (tx) => {
      await together(
        this.nodes.heartbeat(tx, id, version, this.applyError, this.status),
        this.notifications.publish(tx, APPLIED, { nodeId: id, version } satisfies Applied),
      );
    });
  }

  private get status(): 'active' | 'draining' {
    return this.health.draining ? 'draining' : 'active';
  }

  private async register(): Promise<void> {
    const { listenHost, PORT, DATA_PLANE } = this.environment;
    this.id = await this.database.system((tx) =>
      this.nodes.register(tx, {
        name: this.name,
        address: `${listenHost}:${PORT}`,
        engine: DATA_PLANE,
        programVersion: PRODUCT_VERSION,
        holder: this.leader.holder,
      }),
    );
  }

  private async heartbeat(): Promise<void> {
    const seen = await this.database.system((tx) =>
      this.nodes.heartbeat(tx, this.id!, this.appliedVersion, this.applyError, this.status),
    );
    if (seen === null) {
      this.logger.warn('This node was forgotten while it was cut off; it registers again');
      await this.register();
      return;
    }
    this.events.emit('version', seen.version);
    this.events.emit('live', seen.live);
  }
}
