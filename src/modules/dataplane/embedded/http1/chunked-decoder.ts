import { isCleanText, readFields } from './fields.js';

/** Longest chunk-size line, extensions included, and most bytes of all extensions of one body. */
const MAX_SIZE_LINE = 256;
const MAX_EXTENSIONS = 4_096;
/** Most bytes of the trailer section. */
const MAX_TRAILER = 8_192;
/**
 * Size, then extensions that are tokens (RFC 9112 §7.1.1). White space and quoted strings are allowed there, but
 * nobody sends them except to find parsers that disagree.
 */
const SIZE_LINE = /^([0-9A-Fa-f]{1,12})((?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=[!#$%&'*+.^_`|~0-9A-Za-z-]+)?)*)$/;
/** Fields that frame or route a message have no business behind it (RFC 9110 §6.5.1). */
const NOT_IN_TRAILER = new Set([
  'connection',
  'content-length',
  'host',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const CR = 13;
const LF = 10;

type State = 'size' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'done';

/**
 * Takes the chunked coding apart (RFC 9112 §7.1) as it comes, strictly. Extensions and trailers are checked and
 * thrown away.
 */
export class ChunkedDecoder {
  private state: State = 'size';
  /** Bytes of the chunk that are still to come. */
  private left = 0;
  /** The line under way. */
  private line = '';
  private trailer = '';
  private extensionBytes = 0;

  get done(): boolean {
    return this.state === 'done';
  }

  /**
   * Reads from `start`; pieces of data go to `onData`, which may be told to stop by returning false.
   *
   * @returns where it stopped (the end of `bytes`, or of the body), or -1 when the coding is broken.
   */
  read(bytes: Buffer, start: number, onData: (piece: Buffer) => boolean): number {
    let at = start;
    while (at < bytes.length && this.state !== 'done') {
      if (this.state === 'data') {
        const end = Math.min(bytes.length, at + this.left);
        const piece = bytes.subarray(at, end);
        this.left -= end - at;
        at = end;
        if (this.left === 0) this.state = 'data-cr';
        if (!onData(piece)) return at;
      } else if (this.state === 'data-cr' || this.state === 'data-lf') {
        if (!this.readDataEnd(bytes[at])) return -1;
        at++;
      } else {
        at = this.readLine(bytes, at);
        if (at < 0) return -1;
      }
    }
    return at;
  }

  private readDataEnd(byte: number): boolean {
    if (byte !== (this.state === 'data-cr' ? CR : LF)) return false;
    this.state = this.state === 'data-cr' ? 'data-lf' : 'size';
    return true;
  }

  /** A size line or one of the trailer, which may come in pieces. */
  private readLine(bytes: Buffer, at: number): number {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf + 1;
    const longest = this.state === 'size' ? MAX_SIZE_LINE : MAX_TRAILER;
    if (this.line.length + (end - at) > longest) return -1;
    this.line += bytes.toString('latin1', at, end);
    if (lf < 0) return end;
    const { line } = this;
    this.line = '';
    if (!line.endsWith('\r\n')) return -1;
    const fine = this.state === 'size' ? this.takeSize(line.slice(0, -2)) : this.takeTrailer(line);
    return fine ? end : -1;
  }

  private takeSize(line: string): boolean {
    const match = SIZE_LINE.exec(line);
    if (!match) return false;
    this.extensionBytes += match[2].length;
    if (this.extensionBytes > MAX_EXTENSIONS) return false;
    this.left = Number.parseInt(match[1], 16);
    this.state = this.left === 0 ? 'trailer' : 'data';
    return true;
  }

  private takeTrailer(line: string): boolean {
    if (line === '\r\n') {
      this.state = 'done';
      return true;
    }
    this.trailer += line;
    if (this.trailer.length > MAX_TRAILER) return false;
    const names: string[] = [];
    return isCleanText(line) && readFields(line, 0, [], names) && !NOT_IN_TRAILER.has(names[0]);
  }
}
