import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a double answers: a status, a body (an object becomes JSON), or never anything. */
export type DoubleAnswer =
  | { status?: number; headers?: Record<string, string>; body?: string | object }
  | 'nothing';

/** A small real HTTP server on a free port of the loopback interface that answers what the test says. */
export class HttpDouble {
  readonly requests: ReceivedRequest[] = [];
  /** By path; other paths are 404. */
  answers: Record<string, DoubleAnswer> = {};
  private readonly server: Server;
  private port = 0;

  constructor() {
    this.server = createServer(async (request, response) => {
      const { method = '', url = '', headers } = request;
      this.requests.push({ method, path: url, headers, body: await text(request) });
      const answer = this.answers[url] ?? { status: 404 };
      if (answer === 'nothing') return;
      const body = typeof answer.body === 'object' ? JSON.stringify(answer.body) : answer.body;
      response.writeHead(answer.status ?? 200, answer.headers).end(body);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens on a free port, the second time on the same one. */
  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
