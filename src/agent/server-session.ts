import { WebSocket } from 'ws';
import {
  AGENT_PROTOCOL_VERSION,
  AGENT_SOCKET_PATH,
  AgentCloseCode,
  type AgentFrame,
  type CommandFrame,
  DEFAULT_REPORT_INTERVAL_SECONDS,
  type HelloFrame,
  MAX_AGENT_FRAME_BYTES,
  parseServerFrame,
  type ReportFrame,
} from '../common/agent-protocol.js';

/** What a connection asks of the agent. */
export interface SessionHandler {
  hello(): HelloFrame;
  /** `ipAddress`: this machine's end of the connection. */
  report(ipAddress: string | null): Promise<ReportFrame>;
  command(frame: CommandFrame): void;
  log(message: string): void;
}

/** How one connection ended. */
export interface SessionEnd {
  readonly reason: string;
  /** The server took the agent's hello. */
  readonly wasAccepted: boolean;
  /** The server does not know the credential. */
  readonly isRefused: boolean;
  /** Coming back soon would change nothing. */
  readonly isHopeless: boolean;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** Reports are left out while this much, bytes, waits to be sent: the next one holds all that is new. */
const MAX_BUFFERED = 64 * 1024;

/** One WebSocket to the server, from the attempt to its end. */
export class ServerSession {
  /** Never rejects. */
  readonly ended: Promise<SessionEnd>;
  private readonly socket: WebSocket;
  private ipAddress: string | null = null;
  private reportTimer: NodeJS.Timeout | undefined;
  private wasAccepted = false;
  private refusal = 0;
  private failure = '';

  constructor(
    server: string,
    credential: string,
    heartbeatMs: number,
    private readonly handler: SessionHandler,
  ) {
    this.socket = new WebSocket(socketUrl(server), {
      headers: { authorization: `Bearer ${credential}` },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_AGENT_FRAME_BYTES,
      perMessageDeflate: false,
    });
    this.watchHandshake();
    this.socket.on('open', () => {
      this.send(handler.hello());
      this.reportEvery(DEFAULT_REPORT_INTERVAL_SECONDS);
    });
    this.socket.on('message', (data) => this.receive(String(data)));
    const stopHeartbeat = keepAlive(this.socket, heartbeatMs);
    this.ended = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        stopHeartbeat();
        clearInterval(this.reportTimer);
        resolve(this.endOf(code, String(reason)));
      });
    });
  }

  /** Sends the frame when the connection is open; otherwise it is dropped. */
  send(frame: AgentFrame): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  async report(): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > MAX_BUFFERED) return;
    this.send(await this.handler.report(this.ipAddress));
  }

  close(): void {
    this.socket.close(1000);
    setTimeout(() => this.socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  private watchHandshake(): void {
    this.socket.on('upgrade', (response) => {
      this.ipAddress = response.socket.localAddress ?? null;
    });
    this.socket.on('unexpected-response', (_request, response) => {
      this.refusal = response.statusCode ?? 0;
      this.failure = `the server answered ${this.refusal}`;
      this.socket.terminate();
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.failure ||= error.message || (error.code ?? 'unknown error');
    });
  }

  private receive(text: string): void {
    const frame = parseServerFrame(text);
    if (frame === null) {
      this.handler.log('a frame from the server is not valid: ignored');
    } else if (frame.type === 'command') {
      this.handler.command(frame);
    } else if (frame.protocol !== AGENT_PROTOCOL_VERSION) {
      this.socket.close(AgentCloseCode.unsupportedVersion, `agent speaks ${AGENT_PROTOCOL_VERSION}`);
    } else {
      this.wasAccepted = true;
      this.reportEvery(frame.interval_seconds);
    }
  }

  private reportEvery(seconds: number): void {
    clearInterval(this.reportTimer);
    this.reportTimer = setInterval(() => void this.report(), seconds * 1000);
    void this.report();
  }

  private endOf(code: number, reason: string): SessionEnd {
    return {
      reason: this.failure || `closed with ${code} ${reason}`.trim(),
      wasAccepted: this.wasAccepted,
      isRefused: this.refusal === 401 || code === AgentCloseCode.credentialRefused,
      isHopeless: code === AgentCloseCode.unsupportedVersion || code === AgentCloseCode.replaced,
    };
  }
}

function socketUrl(server: string): URL {
  const url = new URL(AGENT_SOCKET_PATH, server);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

/** Pings; ends the connection when nothing at all came since the ping before. Returns how to stop. */
function keepAlive(socket: WebSocket, everyMs: number): () => void {
  let isAlive = true;
  const mark = () => {
    isAlive = true;
  };
  for (const event of ['open', 'message', 'ping', 'pong']) socket.on(event, mark);
  const timer = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (!isAlive) {
      socket.terminate();
      return;
    }
    isAlive = false;
    socket.ping();
  }, everyMs);
  return () => clearInterval(timer);
}
