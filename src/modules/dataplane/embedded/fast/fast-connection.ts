import type { Socket } from 'node:net';
import { rawAnswer } from '../http/answers.js';
import { plainAddress } from '../http/headers.js';
import { BAD_REQUEST, HEAD_TOO_SLOW } from '../http/refusals.js';
import { type ParsedRequest, parseRequestHead } from '../http1/request-parser.js';
import { type EngineLimits, MAX_PIPELINED } from '../options.js';
import type { ByteMeter, ClientRequest, Incoming } from '../proxy/incoming.js';
import { NO_BODY, SocketBody } from './inbound-body.js';
import { type ReplyConnection, SocketReply } from './socket-reply.js';

const EMPTY = Buffer.alloc(0);
const END_OF_HEAD = '\r\n\r\n';
/** A head in more pieces than this is read by node, whose parser keeps its place. */
const MAX_HEAD_PIECES = 32;
const SHORTEST_REQUEST = 'GET / HTTP/1.1\r\n\r\n'.length;
/** Bytes that may wait behind an unanswered request before the client is held back. */
const MAX_AHEAD_BYTES = 65_536;

/** What connections of the fast path share. */
export interface FastPathContext {
  readonly limits: EngineLimits;
  readonly scheme: 'http' | 'https';
  readonly keepAliveFields: string;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  readonly stopping: () => boolean;
  readonly handle: (incoming: Incoming) => void;
  readonly onError: (error: unknown) => void;
  /** A request is under way, or no longer. */
  readonly onBusy: (change: 1 | -1) => void;
  /** The connection goes to node:http, with what was read and not used. */
  readonly handOver: (connection: FastConnection, rest: Buffer) => void;
  readonly onClosed: (connection: FastConnection) => void;
}

/**
 * One client connection on the fast path: plain requests, one after the other. At the first request that is not plain
 * it is handed over to node:http for good, so that no byte is ever read by two parsers with an effect.
 */
export class FastConnection implements ByteMeter, ReplyConnection {
  readonly stallTimeoutMs: number;
  readonly keepAliveFields: string;
  private readonly clientAddress: string;
  /** Read and not used. */
  private pending: Buffer = EMPTY;
  private headPieces = 0;
  private current: { incoming: Incoming; reply: SocketReply; body: SocketBody | null } | null = null;
  private parsing = false;
  private feeding = false;
  /** The last answer is out: what comes after is not looked at. It may be smuggled. */
  private closing = false;
  private served = false;
  /** Since when it waits for a request, or for its end. */
  private since: number;
  private bytesIn = 0;
  private bytesOut = 0;

  constructor(
    readonly socket: Socket,
    private readonly context: FastPathContext,
  ) {
    this.stallTimeoutMs = context.limits.clientStallTimeoutMs;
    this.keepAliveFields = context.keepAliveFields;
    this.clientAddress = plainAddress(socket.remoteAddress);
    this.since = context.now();
    socket.on('data', this.onData);
    socket.on('end', this.onEnd);
    socket.on('error', this.onError);
    socket.on('close', this.onClose);
  }

  get idle(): boolean {
    return this.current === null;
  }

  take(): { in: number; out: number } {
    const bytes = { in: this.bytesIn, out: this.bytesOut };
    this.bytesIn = 0;
    this.bytesOut = 0;
    return bytes;
  }

  wrote(bytes: number): void {
    this.bytesOut += bytes;
  }

  replied(goOn: boolean): void {
    if (!this.finishCurrent()) return;
    if (!goOn || this.context.stopping()) {
      this.close();
      return;
    }
    this.since = this.context.now();
    if (this.socket.isPaused()) this.socket.resume();
    if (this.pending.length > 0) this.readRequests();
  }

  /** Ends it when nothing is under way. */
  closeIfIdle(): void {
    if (this.idle) this.close();
  }

  /** Gives up on a client that sends nothing, or not enough, or does not take the last answer. */
  checkTime(now: number): void {
    if (this.current) return;
    const { headersTimeoutMs, keepAliveTimeoutMs } = this.context.limits;
    const waited = now - this.since;
    if (this.closing) {
      if (waited > this.stallTimeoutMs) this.socket.destroy();
    } else if (this.pending.length === 0 && this.served) {
      if (waited > keepAliveTimeoutMs) this.close();
    } else if (waited > headersTimeoutMs) {
      this.socket.write(rawAnswer(HEAD_TOO_SLOW), 'latin1');
      this.close();
    }
  }

  private readonly onData = (bytes: Buffer): void => {
    if (this.closing) return;
    if (!this.current && this.pending.length === 0 && this.served) this.since = this.context.now();
    this.pending = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    if (!this.current) this.readRequests();
    else if (this.current.body && !this.current.body.complete) this.feedBody();
    else this.boundPending();
  };

  /** Takes requests out of what was read, as long as each is answered at once. */
  private readRequests(): void {
    if (this.parsing) return;
    this.parsing = true;
    while (!this.current && !this.closing && this.pending.length > 0 && this.readRequest());
    this.parsing = false;
    if (this.current && this.pending.length > 0) this.boundPending();
  }

  /** @returns false when it takes more bytes, or another reader. */
  private readRequest(): boolean {
    const { pending } = this;
    const { maxHeaderBytes, maxHeaderCount } = this.context.limits;
    const end = pending.indexOf(END_OF_HEAD, 0, 'latin1');
    if (end < 0 && pending.length <= maxHeaderBytes && this.headPieces++ < MAX_HEAD_PIECES) return false;
    const fits = end >= 0 && end < maxHeaderBytes;
    const parsed = fits ? parseRequestHead(pending.toString('latin1', 0, end + 2), maxHeaderCount) : null;
    if (!parsed) {
      this.handOver();
      return false;
    }
    this.headPieces = 0;
    const size = end + END_OF_HEAD.length;
    this.bytesIn += size;
    this.pending = pending.length === size ? EMPTY : pending.subarray(size);
    this.begin(parsed);
    return true;
  }

  private begin({ method, rawHeaders, head, chunked, close }: ParsedRequest): void {
    this.served = true;
    const body = head.hasBody ? new SocketBody(chunked ? null : head.contentLength, this.feedBody) : null;
    const request: ClientRequest = { method, httpVersion: '1.1', rawHeaders, body: body ?? NO_BODY };
    const reply = new SocketReply(this, method, request.body, head);
    if (close) reply.closeAfter();
    const incoming: Incoming = {
      request,
      reply,
      head,
      clientAddress: this.clientAddress,
      meter: this,
      scheme: this.context.scheme,
      expectsContinue: false,
      upgrade: null,
      owner: null,
    };
    this.current = { incoming, reply, body };
    this.context.onBusy(1);
    // Nothing is taken from the client before somebody wants the body.
    if (body && this.pending.length < (head.contentLength ?? Number.POSITIVE_INFINITY)) this.socket.pause();
    try {
      this.context.handle(incoming);
    } catch (error) {
      this.context.onError(error);
      this.socket.destroy();
    }
  }

  /** Hands on as much of the body as is wanted. */
  private readonly feedBody = (): void => {
    const body = this.current?.body;
    if (!body || body.complete || this.feeding) return;
    this.feeding = true;
    while (body.flowing && !body.complete && this.pending.length > 0) {
      const taken = body.take(this.pending);
      if (taken < 0) {
        this.socket.destroy();
        break;
      }
      this.bytesIn += taken;
      this.pending = this.pending.subarray(taken);
    }
    this.feeding = false;
    if (body.flowing || body.complete) this.socket.resume();
    else this.socket.pause();
    if (body.complete) body.emit('end');
  };

  private boundPending(): void {
    const { pending } = this;
    if (this.current?.body && !this.current.body.complete) return;
    if (pending.length > MAX_AHEAD_BYTES) this.socket.pause();
    if (pending.length > MAX_PIPELINED * SHORTEST_REQUEST && blankLines(pending) > MAX_PIPELINED) {
      this.socket.destroy();
    }
  }

  private handOver(): void {
    const { socket, pending } = this;
    socket.off('data', this.onData);
    socket.off('end', this.onEnd);
    socket.off('error', this.onError);
    socket.off('close', this.onClose);
    this.pending = EMPTY;
    this.closing = true;
    this.context.handOver(this, pending);
  }

  /** @returns false when nothing was under way. */
  private finishCurrent(): boolean {
    const { current } = this;
    if (!current) return false;
    this.current = null;
    this.context.onBusy(-1);
    current.incoming.owner?.closed();
    return true;
  }

  /** What is written goes out; nothing more is read. */
  private close(): void {
    this.closing = true;
    this.pending = EMPTY;
    this.since = this.context.now();
    if (this.socket.isPaused()) this.socket.resume();
    this.socket.destroySoon();
  }

  /** As node does: who closes the sending half with a request under way is not waiting for the answer. */
  private readonly onEnd = (): void => {
    if (this.current) {
      this.socket.destroy();
      return;
    }
    if (this.pending.length > 0) this.socket.write(rawAnswer(BAD_REQUEST), 'latin1');
    this.close();
  };

  private readonly onError = (): void => void this.socket.destroy();

  private readonly onClose = (): void => {
    const { current } = this;
    this.closing = true;
    this.pending = EMPTY;
    current?.body?.emit('close');
    current?.reply.close();
    this.finishCurrent();
    this.context.onClosed(this);
  };
}

function blankLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(END_OF_HEAD); at >= 0; at = bytes.indexOf(END_OF_HEAD, at + 4)) count++;
  return count;
}
