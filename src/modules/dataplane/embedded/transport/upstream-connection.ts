import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { ChunkedDecoder } from '../http1/chunked-decoder.js';
import { parseResponseHead, type ResponseHead } from '../http1/response-parser.js';
import type { UpstreamFailure, UpstreamHandler, UpstreamRequest } from './upstream.js';

const MAX_HEAD_BYTES = 65_536;
/** Interim answers to one request; a backend that goes on sending them is broken. */
const MAX_INTERIM = 16;
const EMPTY = Buffer.alloc(0);
const END_OF_HEAD = '\r\n\r\n';
/** Methods whose requests say a length even when there is no body (RFC 9110 §8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** Told when a connection is free for the next request, or gone. */
export interface ConnectionOwner {
  released(connection: UpstreamConnection, keepAliveSeconds: number | null): void;
  closed(connection: UpstreamConnection): void;
}

/**
 * One connection to a backend, one request at a time. Whatever is not exactly one well-formed answer to the request
 * ends it: what else might be on it could be taken for the answer to somebody else's request.
 */
export class UpstreamConnection {
  /** Until when it may be used again, ms of the monotonic clock; kept by the pool. */
  idleUntil = 0;
  private handler: UpstreamHandler | null = null;
  private request: UpstreamRequest | null = null;
  /** The request is on its way whole. */
  private requestDone = true;
  private head: ResponseHead | null = null;
  private partialHead: Buffer = EMPTY;
  private interim = 0;
  /** Of a body with a length: bytes still to come. */
  private left = 0;
  private decoder: ChunkedDecoder | null = null;
  /** The whole answer was read. */
  private complete = false;
  private readonly resume = (): void => void this.socket.resume();

  constructor(
    private readonly socket: Socket,
    private readonly owner: ConnectionOwner,
  ) {
    socket.on('end', this.onEnd);
    socket.on('close', this.onClose);
  }

  /** Nothing speaks against another request. */
  get usable(): boolean {
    const { socket } = this;
    return !socket.destroyed && socket.writable && socket.readableLength === 0 && !socket.readableEnded;
  }

  /** Writes the request; the handler learns the rest. */
  send(request: UpstreamRequest, handler: UpstreamHandler): void {
    this.handler = handler;
    this.request = request;
    this.requestDone = request.body === null;
    this.interim = 0;
    handler.onSent(this.destroy);
    if (this.handler !== handler) return;
    this.socket.write(requestHead(request), 'latin1');
    if (request.body) this.sendBody(request.body, request.contentLength);
  }

  /** Cuts the connection; a handler that asked for it hears no more. */
  readonly destroy = (): void => {
    this.handler = null;
    this.socket.destroy();
  };

  private sendBody(body: Readable, length: number | null): void {
    const { socket } = this;
    let left = length ?? Number.POSITIVE_INFINITY;
    body.on('data', (piece: Buffer) => {
      left -= piece.length;
      if (left < 0) this.fail('closed', 'the request body is longer than it said');
      else if (!this.writePiece(piece, length === null)) {
        body.pause();
        socket.once('drain', () => body.resume());
      }
    });
    body.once('end', () => {
      if (length === null && !socket.destroyed) socket.write('0\r\n\r\n', 'latin1');
      if (length === null || left === 0) this.requestDone = true;
      else this.fail('closed', 'the request body is shorter than it said');
    });
  }

  private writePiece(piece: Buffer, chunked: boolean): boolean {
    const { socket } = this;
    if (socket.destroyed) return true;
    if (!chunked) return socket.write(piece);
    socket.cork();
    socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
    socket.write(piece);
    const more = socket.write('\r\n', 'latin1');
    socket.uncork();
    return more;
  }

  /** Takes what came; the bytes are not kept. */
  readonly read = (bytes: Buffer): void => {
    // Nobody asked: an answer nobody waits for must not meet the next request.
    if (!this.handler) {
      this.socket.destroy();
      return;
    }
    let at = 0;
    while (at >= 0 && at < bytes.length && !this.complete)
      at = this.head ? this.readBody(bytes, at) : this.readHead(bytes, at);
    if (this.complete) this.finish(at < bytes.length);
    else this.handler?.onFlush();
  };

  /** @returns where the rest begins, or -1 when this connection is done with. */
  private readHead(bytes: Buffer, at: number): number {
    let from = at;
    let data = bytes;
    const known = this.partialHead.length;
    if (known > 0) {
      data = Buffer.concat([this.partialHead, bytes.subarray(at)]);
      from = 0;
    }
    const end = data.indexOf(END_OF_HEAD, Math.max(from, known - 3), 'latin1');
    if (end < 0 || end - from > MAX_HEAD_BYTES) {
      // A status line tells early what does not speak HTTP.
      if (data.length - from > MAX_HEAD_BYTES || !couldBeAnswer(data, from)) return this.broken();
      this.partialHead = data === bytes ? Buffer.from(data.subarray(from)) : data;
      return bytes.length;
    }
    this.partialHead = EMPTY;
    const head = parseResponseHead(data.toString('latin1', from, end + 2), this.request!.method === 'HEAD');
    if (!head) return this.broken();
    const next = at + (end + 4 - from - known);
    return head.status < 200 ? this.takeInterim(head, bytes, next) : this.takeHead(head, next);
  }

  private takeInterim(head: ResponseHead, bytes: Buffer, next: number): number {
    if (head.status === 101) return this.takeSwitch(head, bytes.subarray(next));
    // One that ends the connection cannot be followed by the answer.
    if (++this.interim > MAX_INTERIM || !head.reusable) return this.broken();
    this.handler!.onInterim(head.status, head.rawHeaders);
    return next;
  }

  private takeSwitch(head: ResponseHead, rest: Buffer): number {
    const { handler, request, socket } = this;
    if (!request!.upgrade || head.upgrade !== request!.upgrade) return this.broken();
    this.handler = null;
    this.owner.closed(this);
    socket.off('data', this.read);
    socket.off('end', this.onEnd);
    socket.off('close', this.onClose);
    socket.pause();
    if (rest.length > 0) socket.unshift(rest);
    handler!.onUpgrade(head.rawHeaders, socket);
    return -1;
  }

  private takeHead(head: ResponseHead, next: number): number {
    this.head = head;
    this.left = head.length;
    if (head.framing === 'chunked') this.decoder = new ChunkedDecoder();
    this.handler!.onHead(head.status, head.reason, head.rawHeaders, this.resume);
    // Told to stop meanwhile.
    if (!this.handler) return -1;
    this.complete = head.framing === 'none' || (head.framing === 'length' && head.length === 0);
    return next;
  }

  private readBody(bytes: Buffer, at: number): number {
    const { framing } = this.head!;
    if (framing === 'chunked') return this.readChunks(bytes, at);
    const end = framing === 'close' ? bytes.length : Math.min(bytes.length, at + this.left);
    this.left -= end - at;
    this.pass(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (!this.handler) return -1;
    this.complete = framing === 'length' && this.left === 0;
    return end;
  }

  private readChunks(bytes: Buffer, at: number): number {
    const next = this.decoder!.read(bytes, at, this.pass);
    if (!this.handler) return -1;
    if (next < 0) return this.broken();
    this.complete = this.decoder!.done;
    return next;
  }

  /** Goes on after `onData` said no: what was read already is not read again. @returns false after a cancellation. */
  private readonly pass = (piece: Buffer): boolean => {
    if (!this.handler!.onData(piece)) this.socket.pause();
    return this.handler !== null;
  };

  /** The answer is complete. `more`: something came behind it, which nobody asked for. */
  private finish(more: boolean): void {
    const { handler, socket, requestDone } = this;
    const { reusable, keepAliveSeconds } = this.head!;
    const reuse = reusable && requestDone && !more && this.request!.upgrade === null;
    this.handler = null;
    this.request = null;
    this.head = null;
    this.decoder = null;
    this.complete = false;
    if (socket.isPaused()) socket.resume();
    // First, so that the client's next request finds it.
    if (reuse && this.usable) this.owner.released(this, keepAliveSeconds);
    else socket.destroy();
    handler!.onEnd();
  }

  private broken(): number {
    this.fail('protocol', 'invalid answer');
    return -1;
  }

  private fail(kind: UpstreamFailure['kind'], message: string): void {
    const { handler } = this;
    this.handler = null;
    this.socket.destroy();
    handler?.onFailure({ kind, message });
  }

  private readonly onEnd = (): void => {
    const { handler, head } = this;
    if (handler && head?.framing === 'close') {
      this.finish(false);
      return;
    }
    this.fail('closed', 'connection closed');
  };

  private readonly onClose = (hadError: boolean): void => {
    this.fail('closed', hadError ? 'connection reset' : 'connection closed');
    this.owner.closed(this);
  };
}

/** The bytes that end with the empty line; fields are valid and end-to-end already. */
function requestHead({ method, target, headers, body, contentLength, upgrade }: UpstreamRequest): string {
  let head = `${method} ${target} HTTP/1.1\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  if (contentLength !== null) head += `content-length: ${contentLength}\r\n`;
  else if (body) head += 'transfer-encoding: chunked\r\n';
  else if (EXPECTS_BODY.has(method)) head += 'content-length: 0\r\n';
  if (upgrade) head += `connection: Upgrade\r\nupgrade: ${upgrade}\r\n`;
  return `${head}\r\n`;
}

const BEGINNING = 'HTTP/1.';

/** Whether the first bytes are those of a status line, as far as they have come. */
function couldBeAnswer(data: Buffer, from: number): boolean {
  const beginning = data.toString('latin1', from, from + BEGINNING.length);
  return BEGINNING.startsWith(beginning);
}
