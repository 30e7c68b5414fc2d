import {
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Database, Notifications } from '../../../platform/database/index.js';
import { type Periodic, repeat } from '../../../platform/jobs/index.js';
import { CONFIGURATION_CHANGED, type ConfigurationChanged } from '../../../platform/journal/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { BackendResponse, type BackendRow, BackendsReadModel } from '../../backends/index.js';
import { BACKEND_HEALTH, type BackendHealthChanged } from '../../dataplane/index.js';
import { LiveBackends } from '../../telemetry/index.js';
import type { BackendsChange } from '../realtime/frames.dto.js';

const NAME = 'backends';
const UPDATE = 'backends_update';
const LIVE_MS = 1000;
/** Many changes of health at once are one frame. */
const COALESCE_MS = 50;

interface Known {
  row: BackendRow;
  /** What clients were last told of it. */
  told: string;
}

/**
 * A tenant's backends: the full list first, then what changed, whether in the configuration (at once), in their health
 * (at once) or in the live figures of this node (once a second).
 */
@Injectable()
export class BackendsChannel implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  /** By tenant, of the tenants that somebody on this node follows. */
  private readonly known = new Map<string, Map<string, Known>>();
  private refreshing?: Periodic;
  /** Tenants whose backends' health changed since the last frame. */
  private readonly changed = new Set<string>();

  constructor(
    private readonly channels: Channels,
    private readonly notifications: Notifications,
    private readonly database: Database,
    private readonly backends: BackendsReadModel,
    private readonly live: LiveBackends,
  ) {}

  onModuleInit(): void {
    this.channels.define({
      name: NAME,
      summary: 'Backends with health and live figures: the full list, then what changed',
      access: 'backends.read',
      scope: 'tenant',
      state: (view) => this.state(view),
    });
  }

  onApplicationBootstrap(): void {
    this.notifications.on<ConfigurationChanged>(CONFIGURATION_CHANGED, ({ tenantId }) =>
      this.reread(tenantId).catch(() => this.channels.refresh(NAME, tenantId)),
    );
    this.notifications.on<BackendHealthChanged>(BACKEND_HEALTH, ({ tenantIds }) => {
      for (const tenantId of tenantIds) this.tellSoon(tenantId);
    });
    this.refreshing = repeat('channel backends', LIVE_MS, async () => {
      for (const tenantId of this.known.keys()) this.tellLive(tenantId);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.refreshing?.stop();
  }

  private async state(view: string | null): Promise<BackendResponse[]> {
    const rows = await this.database.system((tx) =>
      this.backends.ofTenants(tx, view === null ? null : [view]),
    );
    const responses = rows.map((row) => BackendResponse.from(row, this.live.get(row.id)));
    for (const [i, row] of rows.entries()) {
      const known = this.tenant(row.tenant_id);
      // those who follow already are told of a change by the update that is on its way
      if (!known.has(row.id)) known.set(row.id, { row, told: comparable(responses[i]!) });
    }
    if (view !== null) this.tenant(view);
    return responses;
  }

  /** After a change of the configuration: what is new, different or gone. */
  private async reread(tenantId: string): Promise<void> {
    if (!this.follows(tenantId)) return;
    const rows = await this.database.system((tx) => this.backends.ofTenants(tx, [tenantId]));
    const known = this.tenant(tenantId);
    const left = new Set(rows.map((row) => row.id));
    const removed = [...known.keys()].filter((id) => !left.has(id));
    for (const id of removed) known.delete(id);
    this.tell(tenantId, rows, removed);
  }

  private tellSoon(tenantId: string): void {
    this.changed.add(tenantId);
    if (this.changed.size > 1) return;
    setTimeout(() => {
      const tenantIds = [...this.changed];
      this.changed.clear();
      for (const id of tenantIds) this.tellLive(id);
    }, COALESCE_MS).unref();
  }

  private tellLive(tenantId: string): void {
    if (!this.follows(tenantId)) return;
    this.tell(
      tenantId,
      [...this.tenant(tenantId).values()].map(({ row }) => row),
      [],
    );
  }

  private tell(tenantId: string, rows: readonly BackendRow[], removed: string[]): void {
    const known = this.tenant(tenantId);
    const updated: BackendResponse[] = [];
    for (const row of rows) {
      const response = BackendResponse.from(row, this.live.get(row.id));
      const told = comparable(response);
      if (known.get(row.id)?.told !== told) updated.push(response);
      known.set(row.id, { row, told });
    }
    if (!updated.length && !removed.length) return;
    const change: BackendsChange = { tenant_id: tenantId, updated, removed };
    this.channels.send(NAME, tenantId, change, UPDATE);
  }

  private follows(tenantId: string): boolean {
    if (this.channels.isFollowed(NAME, tenantId)) return true;
    this.known.delete(tenantId);
    return false;
  }

  private tenant(tenantId: string): Map<string, Known> {
    let known = this.known.get(tenantId);
    if (!known) {
      known = new Map();
      this.known.set(tenantId, known);
    }
    return known;
  }
}

/** The time of the last check alone is no change. */
const comparable = ({ last_check: _, response_time_ms, ...rest }: BackendResponse): string =>
  JSON.stringify([rest, response_time_ms === null ? null : Math.round(response_time_ms * 10) / 10]);
