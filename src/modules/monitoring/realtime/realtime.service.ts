import { Injectable } from '@nestjs/common';
import { invalidField } from '../../../common/errors.js';
import { Database } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import {
  ChannelControls,
  type ChannelDefinition,
  Channels,
  SocketHub,
} from '../../../platform/realtime/index.js';
import { type Principal, viewOf } from '../../../platform/security/index.js';
import { NodesService } from '../../cluster/index.js';
import type { ChannelStateResponse, ConnectionsResponse, ControlRequest } from './realtime.dto.js';

const MAX_LISTED = 1000;

/** What operators do with the live channels. */
@Injectable()
export class RealtimeService {
  constructor(
    private readonly channels: Channels,
    private readonly controls: ChannelControls,
    private readonly hub: SocketHub,
    private readonly database: Database,
    private readonly journal: Journal,
    private readonly nodes: NodesService,
  ) {}

  /** In effect on every node, also after a restart. @throws AppError 422 for an unknown channel or one without interval */
  async control(request: ControlRequest): Promise<ChannelStateResponse[]> {
    const definitions = this.named(request.channel).filter(
      (d) => request.action !== 'set_interval' || d.intervalMs !== undefined,
    );
    if (!definitions.length)
      throw invalidField('channel', 'interval', `${request.channel} has no interval: it is sent on change`);
    const names = definitions.map((definition) => definition.name);
    const change =
      request.action === 'set_interval'
        ? { intervalMs: request.interval_ms }
        : { paused: request.action === 'pause' };
    await this.database.system(async (tx) => {
      await this.controls.set(tx, names, change);
      await this.journal.record(tx, {
        tenantId: null,
        action: `realtime.${request.action}`,
        message: `Live channels ${names.join(', ')}: ${request.action}${request.interval_ms ? ` ${request.interval_ms} ms` : ''}`,
      });
    });
    await this.controls.load();
    return this.named(request.channel).map((definition) => this.stateOf(definition));
  }

  /** @returns how many clients of this node get a frame */
  async forceUpdate(channel?: string): Promise<number> {
    const names = this.named(channel).map((definition) => definition.name);
    await this.database.system(async (tx) => {
      for (const name of names) await this.channels.changed(tx, name, null);
    });
    return names.reduce((sum, name) => sum + this.channels.subscriberCount(name), 0);
  }

  connections(principal: Principal): ConnectionsResponse {
    const view = viewOf(principal);
    const seen = [...this.hub.clients].filter((c) => view === null || c.principal?.tenantId === view);
    return {
      active_connections: seen.length,
      node: this.nodes.name,
      clients: seen
        .reverse()
        .slice(0, MAX_LISTED)
        .map((client) => ({
          client_id: client.id,
          channel: client.channel,
          connected_at: client.openedAt.toISOString(),
          user: client.principal?.email ?? null,
          tenant_id: client.principal?.tenantId ?? null,
          address: client.address,
        })),
    };
  }

  private named(channel?: string): ChannelDefinition[] {
    const { definitions } = this.channels;
    if (channel === undefined) return definitions;
    const found = definitions.find((definition) => definition.name === channel);
    if (!found)
      throw invalidField(
        'channel',
        'isIn',
        `channel must be one of ${definitions.map((d) => d.name).join(', ')}`,
      );
    return [found];
  }

  private stateOf(definition: ChannelDefinition): ChannelStateResponse {
    const { paused, intervalMs } = this.controls.of(definition.name);
    return {
      name: definition.name,
      summary: definition.summary,
      paused,
      interval_ms: definition.intervalMs === undefined ? null : (intervalMs ?? definition.intervalMs),
      public: definition.access === null,
      clients: this.channels.subscriberCount(definition.name),
    };
  }
}
