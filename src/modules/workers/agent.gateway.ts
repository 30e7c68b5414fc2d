import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer } from 'ws';
import { AGENT_SOCKET_PATH, MAX_AGENT_FRAME_BYTES } from '../../common/agent-protocol.js';
import { AppError, notFound, unavailable } from '../../common/errors.js';
import { toAppError } from '../../platform/database/index.js';
import { AgentConnections } from './agent-connections.js';
import { credentialRefused } from './workers.errors.js';

/** Takes agents' WebSockets: an upgrade without a worker's credential is answered 401. */
@Injectable()
export class AgentGateway implements OnApplicationBootstrap {
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_AGENT_FRAME_BYTES,
    perMessageDeflate: false,
  });

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly connections: AgentConnections,
  ) {}

  onApplicationBootstrap(): void {
    this.adapter.httpAdapter
      .getHttpServer()
      .on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        socket.on('error', () => socket.destroy());
        this.upgrade(request, socket, head).catch((error: unknown) => refuse(socket, error));
      });
  }

  private async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const path = (request.url ?? '').split('?')[0];
    if (path !== AGENT_SOCKET_PATH || request.listener === 'admin') throw notFound('WebSocket');
    const workerId = await this.connections.authenticate(bearerOf(request));
    this.sockets.handleUpgrade(request, socket, head, (webSocket) =>
      this.connections.accept(webSocket, workerId),
    );
  }
}

/** @throws AppError 401 */
function bearerOf(request: IncomingMessage): string {
  const credential = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (!credential) throw credentialRefused();
  return credential;
}

function refuse(socket: Duplex, error: unknown): void {
  const { status }: AppError = toAppError(error) ?? unavailable('UNAVAILABLE', 'Try again');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
