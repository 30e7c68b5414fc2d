import { Transform, type TransformCallback } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A line longer than this is passed on in parts, so that a program that never ends a line does not fill memory. */
const MAX_LINE = 16 * 1024;

/** Passes text on with a prefix before each line. */
export class LinePrefix extends Transform {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  constructor(private readonly prefix: string) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const lines = (this.rest + this.decoder.write(chunk)).split('\n');
    this.rest = lines.pop() ?? '';
    if (this.rest.length > MAX_LINE) {
      lines.push(this.rest);
      this.rest = '';
    }
    done(null, lines.map((line) => `${this.prefix}${line}\n`).join(''));
  }

  override _flush(done: TransformCallback): void {
    const last = this.rest + this.decoder.end();
    done(null, last === '' ? null : `${this.prefix}${last}\n`);
  }
}
