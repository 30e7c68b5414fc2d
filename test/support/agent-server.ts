import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  AGENT_SOCKET_PATH,
  type AgentFrame,
  type CommandVerb,
  ENROLL_PATH,
  type EnrollRequest,
  parseAgentFrame,
  type ServerFrame,
} from '../../src/common/agent-protocol.js';
import { until } from './until.js';

/** The server's side of the agent protocol, small and real: what agents say is kept, what they hear is up to the test. */
export class AgentServer {
  readonly frames: AgentFrame[] = [];
  readonly enrollments: EnrollRequest[] = [];
  /** Answers to enrolment requests: HTTP status, and the body unless it is the credential. */
  enrollStatus = 201;
  /** Credentials that an upgrade is let in with. */
  readonly credentials = new Set<string>();
  connections = 0;
  socket: WebSocket | null = null;
  /** Sent in answer to a hello; null: nothing. */
  settings: ServerFrame | null = { type: 'settings', protocol: 1, interval_seconds: 1 };
  private readonly http: Server;
  private readonly sockets = new WebSocketServer({ noServer: true });
  private port = 0;
  private commands = 0;

  constructor() {
    this.http = createServer((request, response) => void this.handle(request, response));
    this.http.on('upgrade', (request, socket, head) => {
      const credential = request.headers.authorization?.replace('Bearer ', '') ?? '';
      if (request.url !== AGENT_SOCKET_PATH || !this.credentials.has(credential)) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        return;
      }
      this.sockets.handleUpgrade(request, socket, head, (webSocket) => this.accept(webSocket));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens on a free port, the second time on the same one. */
  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.http.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.http.address() as AddressInfo).port;
    return this;
  }

  /** Ends as if the machine had vanished: no close frame. */
  async stop(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  send(frame: ServerFrame | string): void {
    this.socket?.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Sends the command and waits for its result. */
  async command(verb: CommandVerb) {
    this.commands += 1;
    const id = `command-${this.commands}`;
    this.send({ type: 'command', id, verb });
    return until(`the result of ${verb}`, () =>
      this.framesOf('command_result').find((frame) => frame.id === id),
    );
  }

  framesOf<T extends AgentFrame['type']>(type: T): Extract<AgentFrame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<AgentFrame, { type: T }> => frame.type === type);
  }

  /** The newest report of the process's state. */
  get state(): string | undefined {
    return this.framesOf('report').at(-1)?.process.state;
  }

  private accept(socket: WebSocket): void {
    this.socket = socket;
    this.connections += 1;
    socket.on('message', (data) => {
      const frame = parseAgentFrame(String(data));
      if (frame === null) throw new Error(`not a valid frame: ${data}`);
      this.frames.push(frame);
      if (frame.type === 'hello' && this.settings !== null) this.send(this.settings);
    });
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await json(request)) as EnrollRequest;
    if (request.method !== 'POST' || request.url !== ENROLL_PATH) {
      response.writeHead(404).end();
      return;
    }
    this.enrollments.push(body);
    const credential = `credential-${this.enrollments.length}`;
    const isOk = this.enrollStatus < 300;
    if (isOk) this.credentials.add(credential);
    response.writeHead(this.enrollStatus, { 'content-type': 'application/json' });
    const refusal = { error: true, message: 'the token was used' };
    response.end(JSON.stringify(isOk ? { worker_id: 'worker_1', credential } : refusal));
  }
}
