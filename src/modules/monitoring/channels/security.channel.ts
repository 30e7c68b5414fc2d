import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { Database, Notifications } from '../../../platform/database/index.js';
import { SECURITY_EVENT, type SecurityEvent } from '../../../platform/journal/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import type { SecurityEventResponse, SecurityEvents } from '../realtime/frames.dto.js';
import { SecurityEventsReadModel } from './security-events.read-model.js';

const NAME = 'security';
const RECENT = 50;

/** Sign-ins, refusals, changes of role: a tenant's own; superadmins see all, and those of names that nobody has. */
@Injectable()
export class SecurityChannel implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly channels: Channels,
    private readonly notifications: Notifications,
    private readonly database: Database,
    private readonly events: SecurityEventsReadModel,
  ) {}

  onModuleInit(): void {
    this.channels.define({
      name: NAME,
      summary: 'Security events: the recent ones first, then each as it happens',
      access: 'realtime.read',
      scope: 'tenant',
      state: async (view): Promise<SecurityEvents> => ({ events: await this.recent(view) }),
    });
  }

  onApplicationBootstrap(): void {
    this.notifications.on<SecurityEvent>(SECURITY_EVENT, (event) =>
      this.channels.send(NAME, event.tenantId, { events: [toResponse(event)] } satisfies SecurityEvents),
    );
  }

  private async recent(view: string | null): Promise<SecurityEventResponse[]> {
    const events = await (view === null
      ? this.database.system((tx) => this.events.recent(tx, null, RECENT))
      : this.database.tenant(view, (tx) => this.events.recent(tx, view, RECENT)));
    return events.map(toResponse);
  }
}

const toResponse = ({ tenantId, at, ...event }: SecurityEvent): SecurityEventResponse => ({
  ...event,
  tenant_id: tenantId,
  timestamp: at,
});
