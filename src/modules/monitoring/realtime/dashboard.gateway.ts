import type { IncomingMessage } from 'node:http';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { invalidField, unauthorized } from '../../../common/errors.js';
import {
  type Admission,
  Channels,
  encodeAck,
  Handshakes,
  SocketHub,
  SocketQuota,
  type Upgrade,
} from '../../../platform/realtime/index.js';
import { requirePermission } from '../../../platform/security/index.js';
import { SessionsService } from '../../auth/index.js';

const PATH = '/ws/:client_id';
const CHANNEL = 'dashboard';
const CLIENT_ID = /^[\w.:-]{1,100}$/;

/**
 * `/ws/{client_id}`: the operators' dashboard. It takes a one-time CSRF token, which only a page that could read an
 * answer of this API has. The same frames come on `/api/ws/dashboard` with an access token.
 */
@WebSocketGateway({ path: PATH })
export class DashboardGateway implements OnGatewayConnection<WebSocket> {
  constructor(
    private readonly hub: SocketHub,
    private readonly channels: Channels,
    private readonly sessions: SessionsService,
    handshakes: Handshakes,
    quota: SocketQuota,
  ) {
    handshakes.guard(PATH, async (upgrade) => {
      const admission = await this.admit(upgrade);
      quota.require(admission, upgrade.request);
      return admission;
    });
  }

  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    const client = this.hub.add(socket, request, CHANNEL, request.socketParams!.client_id);
    void this.channels.subscribe(client, CHANNEL);
  }

  @SubscribeMessage('message')
  message(@ConnectedSocket() socket: WebSocket, @MessageBody() message: unknown): void {
    this.hub.reply(socket, encodeAck(message));
  }

  /** @throws AppError 401, 403, 422 */
  private async admit({ url, params }: Upgrade): Promise<Admission> {
    if (!CLIENT_ID.test(params.client_id!))
      throw invalidField('client_id', 'format', 'client_id must be 1 to 100 letters, digits, . _ : or -');
    const token = url.searchParams.get('csrf_token');
    if (!token) throw unauthorized('A one-time token of GET /auth/csrf-token is required: ?csrf_token=');
    const principal = await this.sessions.redeemCsrf(token);
    const { access } = this.channels.definition(CHANNEL);
    requirePermission(principal, access);
    const recheck = async () => {
      const current = await this.sessions.principalOf(principal.sessionId);
      requirePermission(current, access);
      return current;
    };
    return { principal, recheck };
  }
}
