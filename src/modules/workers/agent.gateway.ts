import type { IncomingMessage } from 'node:http';
import { type OnGatewayConnection, WebSocketGateway } from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { AGENT_SOCKET_PATH, MAX_AGENT_FRAME_BYTES } from '../../common/agent-protocol.js';
import { type Admission, Handshakes } from '../../platform/realtime/index.js';
import { AgentConnections } from './agent-connections.js';
import { credentialRefused } from './workers.errors.js';

/** Agents are no users: they have no principal, and the connection itself ends when the worker is forgotten. */
const AGENT: Admission = { principal: null, recheck: async () => null };

/** The agents' WebSocket: an upgrade without a worker's credential is answered 401. */
@WebSocketGateway({ path: AGENT_SOCKET_PATH, maxPayload: MAX_AGENT_FRAME_BYTES })
export class AgentGateway implements OnGatewayConnection<WebSocket> {
  private readonly workerIds = new WeakMap<IncomingMessage, string>();

  constructor(
    private readonly connections: AgentConnections,
    handshakes: Handshakes,
  ) {
    handshakes.guard(AGENT_SOCKET_PATH, async ({ request }) => {
      this.workerIds.set(request, await connections.authenticate(bearerOf(request)));
      return AGENT;
    });
  }

  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    this.connections.accept(socket, this.workerIds.get(request)!);
  }
}

/** @throws AppError 401 */
function bearerOf(request: IncomingMessage): string {
  const credential = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (!credential) throw credentialRefused();
  return credential;
}
