import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Notifications } from '../../../platform/database/index.js';
import { type SocketClient, SocketHub } from '../../../platform/realtime/index.js';
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
  private readonly logger = new Logger('realtime');

  constructor(
    private readonly notifications: Notifications,
    private readonly hub: SocketHub,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.on<SessionsEnded>(SESSIONS_ENDED, ({ ids }) => this.hub.closeSessions(new Set(ids)));
    this.notifications.on<MembershipChanged>(MEMBERSHIP_CHANGED, ({ userId }) =>
      this.recheck((client) => client.principal?.userId === userId),
    );
    this.notifications.on<TenantChanged>(TENANT_CHANGED, ({ tenantId }) =>
      this.recheck((client) => client.principal?.tenantId === tenantId),
    );
    this.notifications.onReconnect(() => this.recheck(() => true));
  }

  /** After the other handlers of the same notification: they make the sign-in forget what it believed. */
  private recheck(concerns: (client: SocketClient) => boolean): void {
    setImmediate(() =>
      this.hub
        .recheck(concerns)
        .catch((e: Error) => this.logger.warn(`sockets are rechecked later: ${e.message}`)),
    );
  }
}
