import type { IncomingMessage } from 'node:http';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { encodeAck } from './channel.js';
import { Channels } from './channels.js';
import { Handshakes } from './handshakes.js';
import { SocketAuthenticator } from './socket-authenticator.js';
import { SocketHub } from './socket-hub.js';
import { SocketQuota } from './socket-quota.js';

const PATH = '/api/ws/:channel';

/** `/api/ws/{channel}`: one live channel a socket. Each asks for the permission that it was defined with. */
@WebSocketGateway({ path: PATH })
export class ChannelsGateway implements OnGatewayConnection<WebSocket> {
  constructor(
    private readonly hub: SocketHub,
    private readonly channels: Channels,
    handshakes: Handshakes,
    authenticator: SocketAuthenticator,
    quota: SocketQuota,
  ) {
    handshakes.guard(PATH, async (upgrade) => {
      const { access } = channels.definition(upgrade.params.channel!);
      const admission = await authenticator.admit(upgrade, access);
      quota.require(admission, upgrade.request);
      return admission;
    });
  }

  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    const name = request.socketParams!.channel!;
    void this.channels.subscribe(this.hub.add(socket, request, name), name);
  }

  @SubscribeMessage('message')
  message(@ConnectedSocket() socket: WebSocket, @MessageBody() message: unknown): void {
    this.hub.reply(socket, encodeAck(message));
  }
}
