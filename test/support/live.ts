import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { until } from './until.js';

export interface LiveFrame {
  type: string;
  timestamp: string;
  data: never;
}

/** A client of a live channel that keeps what it was sent. */
export class LiveSocket {
  readonly frames: LiveFrame[] = [];
  closed: { code: number; reason: string } | null = null;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data))));
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  /** @throws Refused when the server answers the upgrade with something else */
  static open(base: string, path: string, options: LiveOptions = {}): Promise<LiveSocket> {
    const { protocols, ...rest } = options;
    const socket = new WebSocket(`${base.replace(/^http/, 'ws')}${path}`, protocols ?? [], rest);
    const live = new LiveSocket(socket);
    return new Promise((ok, no) => {
      socket.once('open', () => ok(live));
      socket.once('error', no);
      socket.once('unexpected-response', (_request, response) => void refusal(response).then(no));
    });
  }

  next(what: string, matches: (frame: LiveFrame) => boolean, timeoutMs = 10_000): Promise<LiveFrame> {
    return until(what, () => this.frames.find(matches), timeoutMs);
  }

  nextClose(timeoutMs = 5000): Promise<{ code: number; reason: string }> {
    return until('the socket to close', () => this.closed, timeoutMs);
  }

  close(): void {
    this.socket.terminate();
  }
}

export interface LiveOptions {
  protocols?: string[];
  headers?: Record<string, string>;
}

/** The server did not upgrade. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: { error: boolean; code: string; message: string; request_id: string },
  ) {
    super(`${status} ${body.code}`);
  }
}

async function refusal(response: IncomingMessage): Promise<Refused> {
  let text = '';
  for await (const chunk of response) text += chunk;
  return new Refused(response.statusCode!, JSON.parse(text));
}
