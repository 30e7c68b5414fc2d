import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface OllamaRequest {
  model: string;
  /** What older clients call the model of a pull. */
  name?: string;
  prompt?: string;
  messages?: { role: string; content: string }[];
  input?: string;
  stream?: boolean;
}

/** What a pull reports, line by line; the stream ends after the last. */
export type PullLine =
  | { status: string; digest?: string; total?: number; completed?: number }
  | { error: string };

const GIB = 1024 ** 3;

/**
 * An Ollama server as far as its documented shapes go (https://github.com/ollama/ollama/blob/main/docs/api.md), on a
 * free port of the loopback interface. It says what it was asked, so that a test can tell who answered.
 */
export class OllamaDouble {
  readonly models = new Set<string>();
  /** Lines of the next pulls, the second ones after the gate; the model is there after `success`. */
  pullLines: PullLine[] = [];
  pullGate: Promise<unknown> = Promise.resolve();
  linesAfterGate: PullLine[] = [];
  /** Answers wait for this. */
  gate: Promise<unknown> = Promise.resolve();
  /** Answered to the next prompts instead of an answer. */
  failWith: { status: number; error: string } | null = null;
  /** Requests of models under way, and the most there were at a time. */
  active = 0;
  mostActive = 0;
  /** Requests whose caller hung up before the answer. */
  abandoned = 0;
  private readonly server: Server;
  private port = 0;

  constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens on a free port, the second time on the same one. */
  async start(): Promise<this> {
    await new Promise<void>((ok) => this.server.listen(this.port, '127.0.0.1', ok));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((ok) => this.server.close(ok));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/api/tags') {
      const models = [...this.models].map((name) => ({
        name,
        model: name,
        size: GIB,
        digest: '0'.repeat(64),
      }));
      send(response, 200, { models });
      return;
    }
    if (request.method !== 'POST') {
      send(response, request.url === '/api/ps' ? 200 : 404, { models: [] });
      return;
    }
    const asked = (await json(request)) as OllamaRequest;
    if (request.url === '/api/pull') await this.pull(response, asked.model ?? asked.name);
    else await this.ask(request.url ?? '', asked, response);
  }

  private async ask(url: string, asked: OllamaRequest, response: ServerResponse): Promise<void> {
    if (!this.models.has(asked.model) && !this.models.has(`${asked.model}:latest`)) {
      send(response, 404, { error: `model '${asked.model}' not found` });
      return;
    }
    this.active++;
    this.mostActive = Math.max(this.mostActive, this.active);
    let gone = false;
    response.once('close', () => {
      this.active--;
      gone = !response.writableEnded;
      if (gone) this.abandoned++;
    });
    await this.gate;
    if (gone) return;
    if (this.failWith) send(response, this.failWith.status, { error: this.failWith.error });
    else send(response, 200, { model: asked.model, done: true, ...said(url, asked) });
  }

  private async pull(response: ServerResponse, model: string): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const lines = [...this.pullLines, null, ...this.linesAfterGate];
    for (const line of lines) {
      if (line === null) {
        await this.pullGate;
        continue;
      }
      response.write(`${JSON.stringify(line)}\n`);
      if ('status' in line && line.status === 'success') this.models.add(model);
    }
    response.end();
  }
}

function said(url: string, { prompt, messages, input, model }: OllamaRequest): object {
  if (url === '/api/embed') return { embeddings: [[...String(input)].map((c) => c.codePointAt(0)! / 1000)] };
  if (url === '/api/chat') {
    const last = messages!.at(-1)!;
    return { message: { role: 'assistant', content: `${model} read ${last.role}: ${last.content}` } };
  }
  return { response: `${model} read: ${prompt}` };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
