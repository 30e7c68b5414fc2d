import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { endsWithHead } from '../../../../common/http-statuses.js';
import type { LocalAnswer } from '../http/answers.js';
import type { Pausable } from '../proxy/attempt.js';
import type { ClientReply, InboundBody } from '../proxy/incoming.js';
import { type BodyLength, canSkip, linger } from '../proxy/linger.js';
import { httpDate } from './http-date.js';

/** A first piece up to this size waits for the end of the answer, within the same turn of the event loop. */
const HOLD_BYTES = 16_384;
/** Bytes not taken by the client's connection above which the backend is held back. */
const HIGH_WATER = 65_536;

/** What an answer needs of its connection. */
export interface ReplyConnection {
  readonly socket: Socket;
  /** Time that a client may refuse to take the next piece, ms. */
  readonly stallTimeoutMs: number;
  /** Fields that end a head when the connection goes on. */
  readonly keepAliveFields: string;
  /** Bytes that were written to the client. */
  wrote(bytes: number): void;
  /** The answer is out. `goOn`: the connection may carry another. */
  replied(goOn: boolean): void;
}

/** An answer straight to the client's socket (HTTP/1.1, RFC 9112). */
export class SocketReply implements ClientReply {
  status = 0;
  paused = false;
  private keepAlive = true;
  private source: Pausable | null = null;
  private stall: NodeJS.Timeout | null = null;
  /** The head, while it waits for the first piece of the body. */
  private heldHead = '';
  private heldBody: Buffer | null = null;
  private chunked = false;

  constructor(
    private readonly connection: ReplyConnection,
    private readonly method: string,
    private readonly body: InboundBody,
    private readonly length: BodyLength,
  ) {}

  get headSent(): boolean {
    return this.status !== 0;
  }

  closeAfter(): void {
    this.keepAlive = false;
  }

  /** Not on this path: requests that expect something go to node:http. */
  goOn(): void {}

  earlyHints(links: readonly string[]): void {
    let head = 'HTTP/1.1 103 Early Hints\r\n';
    for (const link of links) head += `Link: ${link}\r\n`;
    this.send(`${head}\r\n`);
  }

  local({ status, headers, body }: LocalAnswer, extraHeaders: readonly string[]): void {
    if (this.headSent) {
      this.cut();
      return;
    }
    this.status = status;
    const bytes = Buffer.from(body);
    if (!this.body.complete && !canSkip(this.length)) this.closeAfter();
    let head = startLine(status, STATUS_CODES[status] ?? '') + fieldLines(headers) + fieldLines(extraHeaders);
    const hasContent = !endsWithHead(status);
    if (hasContent) head += `Content-Length: ${bytes.length}\r\n`;
    this.heldHead = head + this.lastFields(false);
    if (hasContent && this.method !== 'HEAD' && bytes.length > 0) this.heldBody = bytes;
    this.end();
  }

  head(status: number, reason: string, headers: readonly string[], source: Pausable): void {
    if (!this.body.complete) this.closeAfter();
    this.status = status;
    this.source = source;
    const bodiless = this.method === 'HEAD' || endsWithHead(status);
    let text = startLine(status, reason);
    let dated = false;
    let sized = false;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i];
      if (name.length === 4) dated ||= name.toLowerCase() === 'date';
      else if (name.length === 14 && name.toLowerCase() === 'content-length') {
        // RFC 9110 §8.6: not with 204.
        if (status === 204) continue;
        sized = true;
      }
      text += `${name}: ${headers[i + 1]}\r\n`;
    }
    this.chunked = !bodiless && !sized;
    if (this.chunked) text += 'Transfer-Encoding: chunked\r\n';
    this.heldHead = text + this.lastFields(dated);
  }

  write(chunk: Buffer): boolean {
    // A short answer that is already complete goes out with its head as one string: one system call, no gathering.
    if (this.heldHead !== '' && !this.heldBody && chunk.length <= HOLD_BYTES) {
      this.heldBody = chunk;
      return true;
    }
    this.flush();
    this.sendPiece('', chunk);
    return this.mayGoOn();
  }

  flush(): void {
    const { heldHead, heldBody } = this;
    if (heldHead === '') return;
    this.heldHead = '';
    this.heldBody = null;
    if (heldBody) this.sendPiece(heldHead, heldBody);
    else this.send(heldHead);
  }

  end(): void {
    const { heldHead, heldBody } = this;
    this.heldHead = '';
    this.heldBody = null;
    const tail = this.chunked ? '0\r\n\r\n' : '';
    if (heldBody) this.send(heldHead + this.framed(heldBody.toString('latin1')) + tail);
    else if (heldHead !== '' || tail !== '') this.send(heldHead + tail);
    if (this.body.complete) this.finish();
    else linger(this.body, () => this.finish());
  }

  cut(): void {
    this.connection.socket.destroy();
  }

  close(): void {
    if (this.stall) clearTimeout(this.stall);
    this.connection.socket.off('drain', this.onDrain);
  }

  /** When the client has taken enough of it. */
  private finish(): void {
    const { socket } = this.connection;
    if (!socket.writableNeedDrain) {
      this.close();
      this.connection.replied(this.keepAlive && this.body.complete);
    } else if (!this.stall) {
      this.stall = setTimeout(() => this.cut(), this.connection.stallTimeoutMs);
      socket.once('drain', () => this.finish());
    }
  }

  /** The last lines of a head. */
  private lastFields(dated: boolean): string {
    const date = dated ? '' : `Date: ${httpDate()}\r\n`;
    return `${date}${this.keepAlive ? this.connection.keepAliveFields : 'Connection: close\r\n'}\r\n`;
  }

  private framed(piece: string): string {
    return this.chunked ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece;
  }

  private sendPiece(before: string, piece: Buffer): void {
    if (piece.length <= HOLD_BYTES) {
      this.send(before + this.framed(piece.toString('latin1')));
      return;
    }
    const { socket } = this.connection;
    const size = this.chunked ? `${piece.length.toString(16)}\r\n` : '';
    socket.cork();
    if (before + size !== '') this.send(before + size);
    this.connection.wrote(piece.length);
    // A copy: the piece is only lent.
    socket.write(Buffer.from(piece));
    if (this.chunked) this.send('\r\n');
    socket.uncork();
  }

  private send(text: string): void {
    this.connection.wrote(text.length);
    this.connection.socket.write(text, 'latin1');
  }

  private mayGoOn(): boolean {
    const { socket } = this.connection;
    if (socket.writableLength < HIGH_WATER) return true;
    if (this.paused) return false;
    this.paused = true;
    this.stall = setTimeout(() => this.cut(), this.connection.stallTimeoutMs);
    socket.once('drain', this.onDrain);
    return false;
  }

  private readonly onDrain = (): void => {
    this.paused = false;
    if (this.stall) clearTimeout(this.stall);
    this.stall = null;
    this.source?.resume();
  };
}

function startLine(status: number, reason: string): string {
  return `HTTP/1.1 ${status} ${reason}\r\n`;
}

function fieldLines(headers: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return lines;
}
