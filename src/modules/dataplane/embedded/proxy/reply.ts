import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LocalAnswer } from '../http/answers.js';
import type { Pausable } from './attempt.js';

/** How long and how much of an unwanted request body is read so that the client gets to see the answer. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 262_144;

/** A first piece up to this size waits for the end of the answer, within the same turn of the event loop. */
const HOLD_BYTES = 8_192;

/** What matters of the request's body when an answer comes before its end. */
export interface BodyLength {
  readonly hasBody: boolean;
  /** Null when unknown. */
  readonly contentLength: number | null;
}

/**
 * The client's side of an exchange: writes the answer, honours back-pressure, and gives up on a client that does not
 * take it.
 */
export class Reply {
  /** Status sent to the client, 0 before the head. */
  status = 0;
  paused = false;
  private source: Pausable | null = null;
  private stall: NodeJS.Timeout | null = null;
  private bodyBegun = false;
  /** The head is out, but the rest of what came with it may still follow in this turn. */
  private flushing = false;
  private held: Buffer | null = null;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly body: BodyLength,
    private readonly stallTimeoutMs: number,
  ) {}

  get headSent(): boolean {
    return this.status !== 0;
  }

  /** Sends the whole of an answer of our own. Too late when a head is out: then the connection is cut. */
  local(answer: LocalAnswer, extraHeaders: readonly string[]): void {
    if (this.headSent) {
      this.cut();
      return;
    }
    this.status = answer.status;
    // As bytes: node would write a head together with a string in the string's encoding.
    const body = Buffer.from(answer.body);
    const headers = [...answer.headers, ...extraHeaders];
    if (answer.status !== 204 && answer.status !== 304) headers.push('Content-Length', String(body.length));
    if (this.bodyPending() && !this.canSkipBody()) this.closeAfter();
    this.response.writeHead(answer.status, headers);
    this.bodyBegun = true;
    const sent = this.request.method === 'HEAD' ? '' : body;
    if (this.bodyPending()) {
      this.response.write(sent);
      this.linger();
    } else {
      this.response.end(sent);
    }
  }

  /** This answer is the last one on its connection; to be called before its head. */
  closeAfter(): void {
    this.response.shouldKeepAlive = false;
  }

  /** Begins the backend's answer; `source` goes on after `write` returned false. */
  head(status: number, reason: string, headers: string[], source: Pausable): void {
    if (this.bodyPending()) this.closeAfter();
    this.response.writeHead(status, reason, headers);
    this.status = status;
    this.source = source;
    // A body that came with the head goes out with it; otherwise the head must not wait for the body.
    this.flushing = true;
    process.nextTick(flushHead, this);
  }

  write(chunk: Buffer): boolean {
    // A short answer that is already complete goes out with its head as one string: one system call, no gathering.
    if (!this.bodyBegun && this.flushing && chunk.length <= HOLD_BYTES) {
      this.bodyBegun = true;
      this.held = chunk;
      return true;
    }
    this.bodyBegun = true;
    this.releaseHeld();
    return this.pass(chunk);
  }

  end(): void {
    this.bodyBegun = true;
    if (this.bodyPending()) {
      this.releaseHeld();
      this.linger();
    } else if (this.held) {
      this.response.end(this.held.toString('latin1'), 'latin1');
      this.held = null;
    } else {
      this.response.end();
    }
  }

  /** The answer cannot be completed: the client must notice. */
  cut(): void {
    this.response.destroy();
    this.request.socket.destroy();
  }

  /** No more callbacks. */
  close(): void {
    if (this.stall) clearTimeout(this.stall);
    this.response.off('drain', this.onDrain);
  }

  flush(): void {
    this.flushing = false;
    if (this.response.destroyed) return;
    if (this.held) this.releaseHeld();
    else if (!this.bodyBegun) this.response.flushHeaders();
  }

  private releaseHeld(): void {
    const { held } = this;
    this.held = null;
    if (held) this.pass(held);
  }

  private pass(chunk: Buffer): boolean {
    if (this.response.write(chunk)) return true;
    if (this.paused) return false;
    this.paused = true;
    this.stall = setTimeout(() => this.cut(), this.stallTimeoutMs);
    this.response.once('drain', this.onDrain);
    return false;
  }

  private bodyPending(): boolean {
    return this.body.hasBody && !this.request.complete;
  }

  /** A short body is read and thrown away, and the connection goes on. */
  private canSkipBody(): boolean {
    const { contentLength } = this.body;
    return contentLength !== null && contentLength <= LINGER_BYTES;
  }

  private readonly onDrain = (): void => {
    this.paused = false;
    if (this.stall) clearTimeout(this.stall);
    this.source?.resume();
  };

  /** Closing with unread data would reset the connection and could take the answer with it. */
  private linger(): void {
    const { request, response } = this;
    response.flushHeaders();
    let left = LINGER_BYTES;
    const done = (): void => {
      clearTimeout(timer);
      response.end();
      if (!request.complete) request.socket.destroySoon();
    };
    const timer = setTimeout(done, LINGER_MS);
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) done();
    });
    request.once('end', done);
    request.once('close', done);
    request.resume();
  }
}

function flushHead(reply: Reply): void {
  reply.flush();
}
