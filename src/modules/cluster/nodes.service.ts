import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { PRODUCT_VERSION } from '../../common/version.js';
import { Environment } from '../../platform/config/environment.js';
import { Database, Notifications } from '../../platform/database/index.js';
import { type Periodic, repeat } from '../../platform/jobs/index.js';
import { HealthRegistry } from '../../platform/observability/index.js';
import { type NodeRow, NodesRepository } from './nodes.repository.js';

const HEARTBEAT_MS = 1000;
const LOOK_AGAIN_MS = 250;
/** Notification: a node runs another configuration version. */
const APPLIED = 'configuration.applied';

export interface AppliedState {
  version: number;
  error: string | null;
}

/** The nodes of this installation: each reports itself every second with the configuration version that it runs. */
@Injectable()
export class NodesService implements OnApplicationShutdown {
  readonly localId: string;
  readonly localName: string;
  private state: AppliedState = { version: 0, error: null };
  private heartbeat?: Periodic;

  constructor(
    private readonly environment: Environment,
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly nodes: NodesRepository,
    private readonly health: HealthRegistry,
  ) {
    this.localName = environment.NODE_NAME ?? `${os.hostname()}:${environment.PORT}`;
    this.localId = this.keptId();
  }

  /** Enters this node and starts its heartbeat. */
  async register(engine: string): Promise<void> {
    const address = `${this.environment.listenHost}:${this.environment.PORT}`;
    await this.database.system((tx) =>
      this.nodes.register(tx, { id: this.localId, name: this.localName, address, engine, program_version: PRODUCT_VERSION }),
    );
    this.heartbeat = repeat('heartbeat', HEARTBEAT_MS, () => this.report());
  }

  /** Tells the others at once what this node's data plane runs. */
  async reportApplied(state: AppliedState): Promise<void> {
    this.state = state;
    await this.database.system(async (tx) => {
      await this.nodes.report(tx, this.localId, this.row());
      await this.notifications.publish(tx, APPLIED, { node: this.localId, version: state.version });
    });
  }

  list(): Promise<NodeRow[]> {
    return this.database.system((tx) => this.nodes.list(tx));
  }

  /** Waits until every node that is alive runs `version`. @returns the nodes that do not, after the time limit (ms) */
  async waitApplied(version: number, limitMs: number): Promise<NodeRow[]> {
    const end = performance.now() + limitMs;
    for (;;) {
      const changed = this.nextApplied();
      const behind = await this.database.system((tx) => this.nodes.behind(tx, version));
      if (!behind.length || performance.now() >= end) {
        changed.cancel();
        return behind;
      }
      await changed.wait;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.heartbeat?.stop();
    await this.database
      .system((tx) => this.nodes.report(tx, this.localId, { ...this.row(), status: 'stopped' }))
      .catch(() => undefined);
  }

  private report(): Promise<void> {
    return this.database.system((tx) => this.nodes.report(tx, this.localId, this.row()));
  }

  private row() {
    const status = this.health.draining ? ('draining' as const) : ('active' as const);
    return { status, applied_version: this.state.version, apply_error: this.state.error };
  }

  /** Resolves with the next report of any node, or after a moment in case one was missed. */
  private nextApplied(): { wait: Promise<void>; cancel: () => void } {
    let cancel: () => void = () => undefined;
    const wait = new Promise<void>((ok) => {
      const off = this.notifications.on(APPLIED, () => cancel());
      const timer = setTimeout(() => cancel(), LOOK_AGAIN_MS);
      cancel = () => {
        off();
        clearTimeout(timer);
        ok();
      };
    });
    return { wait, cancel };
  }

  /** The same id after a restart, so that a node is one line in the list and not one a start. */
  private keptId(): string {
    const file = path.join(this.environment.DATA_DIR, 'node.id');
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      const id = newId('node');
      try {
        writeFileSync(file, id);
      } catch {
        // a data directory that cannot be written costs a new line in the list at each start, nothing else
      }
      return id;
    }
  }
}
