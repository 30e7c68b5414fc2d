import { EventEmitter } from 'node:events';
import { ChunkedDecoder } from '../http1/chunked-decoder.js';
import type { InboundBody } from '../proxy/incoming.js';

/** The body of a request without one. */
export const NO_BODY: InboundBody = {
  complete: true,
  on: () => undefined,
  off: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};

/** A request's body on a connection of the fast path: cuts it out of what the client sends. */
export class SocketBody extends EventEmitter implements InboundBody {
  complete = false;
  /** Somebody wants it now. */
  flowing = false;
  private readonly decoder: ChunkedDecoder | null;
  private left: number;

  /** @param length Bytes, or null for a chunked one. @param onWanted Called when `flowing` becomes true. */
  constructor(
    length: number | null,
    private readonly onWanted: () => void,
  ) {
    super();
    this.left = length ?? 0;
    this.decoder = length === null ? new ChunkedDecoder() : null;
  }

  pause(): void {
    this.flowing = false;
  }

  resume(): void {
    if (this.flowing) return;
    this.flowing = true;
    this.onWanted();
  }

  /** Takes what belongs to it; `end` is to follow when it is complete. @returns bytes taken, -1 for a broken coding. */
  take(bytes: Buffer): number {
    if (!this.decoder) return this.takeLength(bytes);
    const taken = this.decoder.read(bytes, 0, this.pass);
    this.complete = this.decoder.done;
    return taken;
  }

  private takeLength(bytes: Buffer): number {
    const piece = bytes.length <= this.left ? bytes : bytes.subarray(0, this.left);
    this.left -= piece.length;
    this.complete = this.left === 0;
    this.pass(piece);
    return piece.length;
  }

  private readonly pass = (piece: Buffer): boolean => {
    this.emit('data', piece);
    return this.flowing;
  };
}
