import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { newId } from '../../common/ids.js';
import { type Principal, type View, viewOf } from '../security/index.js';
import type { Admission } from './upgrade.js';

/** One open socket. */
export class SocketClient {
  readonly openedAt = new Date();
  readonly address: string;
  /** Who it is counted for. */
  readonly owner: string;
  principal: Principal | null;
  /** Whether something came since the last ping. */
  alive = true;
  /** Until the first state has been sent nothing else is: changes mean nothing without what they change. */
  awaitsState = false;
  /** A state was not sent because the client reads too slowly; it gets the newest one when it has caught up. */
  stale = false;
  /** Since when it has not read anything of what waits for it (monotonic, ms); null while it keeps up. */
  stuckSince: number | null = null;
  bufferedBefore = 0;
  /** Messages received in the current second. */
  received = 0;

  constructor(
    readonly socket: WebSocket,
    /** What metrics count it under. */
    readonly channel: string,
    readonly id: string,
    private readonly admission: Admission,
    request: IncomingMessage,
  ) {
    this.principal = admission.principal;
    this.address = request.socket.remoteAddress ?? '';
    this.owner = ownerOf(admission, request);
  }

  static generateId(): string {
    return newId('event').replace('event', 'socket');
  }

  /** Whose data it may see: a tenant's id, or null for the whole installation (superadmins). */
  get view(): View {
    return this.principal && viewOf(this.principal);
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /** Asks again whether its credential stands. @throws AppError 401 or 403 */
  async recheck(): Promise<void> {
    const principal = await this.admission.recheck();
    // the token of a socket that is open keeps its own end
    this.principal = principal && this.principal && { ...principal, expiresAt: this.principal.expiresAt };
  }
}

/** Whose socket it is, for limits: the session's, or without one the address's. */
export const ownerOf = ({ principal }: Admission, request: IncomingMessage): string =>
  principal ? `session ${principal.sessionId}` : `address ${request.socket.remoteAddress ?? ''}`;
