import type { IncomingMessage, ServerResponse } from 'node:http';
import { endsWithHead } from '../../../../common/http-statuses.js';
import type { Pausable } from '../proxy/attempt.js';
import type { ClientReply } from '../proxy/incoming.js';
import { type BodyLength, canSkip, linger } from '../proxy/linger.js';
import type { LocalAnswer } from './answers.js';

/** A first piece up to this size waits for the end of the answer, within the same turn of the event loop. */
const HOLD_BYTES = 8_192;

/** An answer through node:http. */
export class NodeReply implements ClientReply {
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

  goOn(): void {
    this.response.writeContinue();
  }

  earlyHints(links: readonly string[]): void {
    try {
      if (this.request.httpVersion === '1.1') this.response.writeEarlyHints({ link: [...links] });
    } catch {
      // Node refuses some valid Link values; hints may be left out.
    }
  }

  local(answer: LocalAnswer, extraHeaders: readonly string[]): void {
    if (this.headSent) {
      this.cut();
      return;
    }
    this.status = answer.status;
    // As bytes: node would write a head together with a string in the string's encoding.
    const body = Buffer.from(answer.body);
    const headers = [...answer.headers, ...extraHeaders];
    if (!endsWithHead(answer.status)) headers.push('Content-Length', String(body.length));
    if (this.bodyPending() && !canSkip(this.body)) this.closeAfter();
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

  closeAfter(): void {
    this.response.shouldKeepAlive = false;
  }

  head(status: number, reason: string, headers: readonly string[], source: Pausable): void {
    if (this.bodyPending()) this.closeAfter();
    this.response.writeHead(status, reason, headers as string[]);
    this.status = status;
    this.source = source;
    // A body that came with the head goes out with it; otherwise the head must not wait for the body.
    this.flushing = true;
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

  cut(): void {
    this.response.destroy();
    this.request.socket.destroy();
  }

  close(): void {
    if (this.stall) clearTimeout(this.stall);
    this.response.off('drain', this.onDrain);
  }

  flush(): void {
    if (!this.flushing) return;
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
    if (this.response.write(Buffer.from(chunk))) return true;
    if (this.paused) return false;
    this.paused = true;
    this.stall = setTimeout(() => this.cut(), this.stallTimeoutMs);
    this.response.once('drain', this.onDrain);
    return false;
  }

  private bodyPending(): boolean {
    return this.body.hasBody && !this.request.complete;
  }

  private readonly onDrain = (): void => {
    this.paused = false;
    if (this.stall) clearTimeout(this.stall);
    this.source?.resume();
  };

  private linger(): void {
    const { request, response } = this;
    response.flushHeaders();
    linger(request, () => {
      response.end();
      if (!request.complete) request.socket.destroySoon();
    });
  }
}
