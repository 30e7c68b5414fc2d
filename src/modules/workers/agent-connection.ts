import { type RawData, WebSocket } from 'ws';
import {
  AGENT_PROTOCOL_VERSION,
  AgentCloseCode,
  type AgentFrame,
  type CommandResultFrame,
  type HelloFrame,
  parseAgentFrame,
  type ReportFrame,
  type ServerFrame,
} from '../../common/agent-protocol.js';
import { newId } from '../../common/ids.js';
import type { WorkerCommand } from './worker.events.js';
import { SILENT_INTERVALS } from './worker.js';

/** What a connection tells. Calls of one connection never overlap. */
export interface ConnectionHandler {
  hello(connection: AgentConnection, frame: HelloFrame): Promise<void>;
  report(connection: AgentConnection, frame: ReportFrame): Promise<void>;
  result(connection: AgentConnection, frame: CommandResultFrame): Promise<void>;
  closed(connection: AgentConnection): Promise<void>;
  failed(connection: AgentConnection, error: Error): void;
}

/** How long an agent has for its hello, ms. */
const HELLO_LIMIT_MS = 10_000;
/** Added to the silence that is allowed, ms: a report may take a while on its way. */
const SILENCE_SLACK_MS = 1000;
/** RFC 6455 and IANA's registry: try again later. */
const TRY_AGAIN_LATER = 1013;

/** One agent's open WebSocket: frames in order, only the newest of the reports that wait. */
export class AgentConnection {
  readonly id = newId('event').replace('event', 'connection');
  private readonly issued = new Set<string>();
  private queue: Promise<void> = Promise.resolve();
  private newest: ReportFrame | null = null;
  private hasSaidHello = false;
  private silence: NodeJS.Timeout;

  constructor(
    private readonly socket: WebSocket,
    readonly workerId: string,
    private readonly handler: ConnectionHandler,
    private intervalSeconds: number,
  ) {
    this.silence = setTimeout(() => socket.terminate(), HELLO_LIMIT_MS);
    socket.on('error', () => undefined);
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('close', () => {
      clearTimeout(this.silence);
      this.enqueue(() => handler.closed(this));
    });
  }

  /** Resolves when what was received has been handled. */
  get settled(): Promise<void> {
    return this.queue;
  }

  /** Tells the agent how often to report. */
  setInterval(seconds: number): void {
    this.intervalSeconds = seconds;
    this.watchSilence();
    this.send({ type: 'settings', protocol: AGENT_PROTOCOL_VERSION, interval_seconds: seconds });
  }

  command({ commandId, verb }: WorkerCommand): void {
    this.issued.add(commandId);
    this.send({ type: 'command', id: commandId, verb });
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  terminate(): void {
    this.socket.terminate();
  }

  private send(frame: ServerFrame): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    const frame = isBinary ? null : parseAgentFrame(String(data));
    if (frame === null || (frame.type === 'hello') === this.hasSaidHello) {
      this.close(AgentCloseCode.invalidFrame, frame === null ? 'not a valid frame' : 'unexpected frame');
      return;
    }
    if (frame.type === 'hello' && frame.protocol !== AGENT_PROTOCOL_VERSION) {
      this.close(AgentCloseCode.unsupportedVersion, `server speaks ${AGENT_PROTOCOL_VERSION}`);
      return;
    }
    this.silence.refresh();
    this.accept(frame);
  }

  private accept(frame: AgentFrame): void {
    if (frame.type === 'hello') this.greet(frame);
    else if (frame.type === 'report') this.take(frame);
    else if (this.issued.delete(frame.id)) this.enqueue(() => this.handler.result(this, frame));
  }

  private greet(frame: HelloFrame): void {
    this.hasSaidHello = true;
    this.enqueue(async () => {
      try {
        await this.handler.hello(this, frame);
        this.setInterval(this.intervalSeconds);
      } catch (error) {
        this.close(TRY_AGAIN_LATER, 'try again later');
        throw error;
      }
    });
  }

  private take(frame: ReportFrame): void {
    const waits = this.newest !== null;
    this.newest = frame;
    if (waits) return;
    this.enqueue(async () => {
      const report = this.newest as ReportFrame;
      this.newest = null;
      await this.handler.report(this, report);
    });
  }

  /** A connection on which nothing comes any more is given up; the agent, if it lives, opens another. */
  private watchSilence(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(
      () => this.socket.terminate(),
      this.intervalSeconds * 1000 * SILENT_INTERVALS + SILENCE_SLACK_MS,
    );
  }

  private enqueue(work: () => Promise<void>): void {
    this.queue = this.queue.then(work).catch((error: Error) => this.handler.failed(this, error));
  }
}
