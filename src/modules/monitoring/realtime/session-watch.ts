import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Notifications } from '../../../platform/database/index.js';
import { SocketHub } from '../../../platform/realtime/index.js';
import { SESSIONS_ENDED, type SessionsEnded } from '../../auth/index.js';
import {
  MEMBERSHIP_CHANGED,
  type MembershipChanged,
  TENANT_CHANGED,
  type TenantChanged,
} from '../../tenants/index.js';

/** Ends sockets with their session, and looks again when a role, an account or a tenant changed. */
@Injectable()
export class SessionWatch implements OnApplicationBootstrap {
  constructor(
    private readonly notifications: Notifications,
    private readonly hub: SocketHub,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.on<SessionsEnded>(SESSIONS_ENDED, ({ ids }) => this.hub.closeSessions(new Set(ids)));
    // after the other handlers of the notification: they make the sign-in forget what it believed
    this.notifications.on<MembershipChanged>(MEMBERSHIP_CHANGED, ({ userId }) =>
      setImmediate(() => void this.hub.recheck((client) => client.principal?.userId === userId)),
    );
    this.notifications.on<TenantChanged>(TENANT_CHANGED, ({ tenantId }) =>
      setImmediate(() => void this.hub.recheck((client) => client.principal?.tenantId === tenantId)),
    );
    this.notifications.onReconnect(() => setImmediate(() => void this.hub.recheck()));
  }
}
