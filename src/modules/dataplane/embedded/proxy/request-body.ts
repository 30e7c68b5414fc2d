import { Readable } from 'node:stream';
import type { EngineLimits } from '../options.js';
import type { InboundBody } from './incoming.js';

export type BodyFault = 'gone' | 'slow' | 'too-large';

export interface RequestBodyOptions {
  readonly limits: Pick<EngineLimits, 'bodyIdleTimeoutMs' | 'bodyGraceMs' | 'minBodyBytesPerSecond'>;
  /** Most bytes; Infinity for no limit. */
  readonly maxBytes: number;
  readonly now: () => number;
  /** The backend begins to read. */
  readonly onStart: () => void;
  readonly onProgress: () => void;
  readonly onFault: (fault: BodyFault) => void;
}

/**
 * A request's body on its way to a backend. Nothing is taken from the client before the backend reads, so an attempt
 * that fails to connect leaves it whole. Destroying it leaves the client's connection alone. Only the time spent
 * waiting for the client counts against the client.
 */
export class RequestBody extends Readable {
  /** Some of it may be gone: the request cannot be sent again. */
  started = false;
  private received = 0;
  private waitedMs = 0;
  private waitingSince: number | null = null;
  private timer: NodeJS.Timeout | null = null;

  /** The backend wants more of it than the client has sent. */
  get awaited(): boolean {
    return this.waitingSince !== null;
  }

  constructor(
    private readonly inbound: InboundBody,
    private readonly options: RequestBodyOptions,
  ) {
    super();
    // A destroyed body is news to the transport only.
    this.on('error', () => undefined);
  }

  override _read(): void {
    if (!this.started) this.begin();
    this.waitingSince ??= this.options.now();
    this.timer ??= setTimeout(() => this.checkTime(), this.options.limits.bodyIdleTimeoutMs);
    this.inbound.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.detach();
    done(error);
  }

  private begin(): void {
    this.started = true;
    this.inbound.on('data', this.onData);
    this.inbound.on('end', this.onEnd);
    this.inbound.on('close', this.onClose);
    this.options.onStart();
  }

  private detach(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.waitingSince = null;
    this.inbound.off('data', this.onData);
    this.inbound.off('end', this.onEnd);
    this.inbound.off('close', this.onClose);
  }

  private readonly onData = (chunk: Buffer): void => {
    this.received += chunk.length;
    if (this.waitingSince !== null) this.waitedMs += this.options.now() - this.waitingSince;
    this.waitingSince = null;
    if (this.received > this.options.maxBytes) {
      this.fault('too-large');
      return;
    }
    if (this.tooSlow()) {
      this.fault('slow');
      return;
    }
    this.timer?.refresh();
    this.options.onProgress();
    if (this.push(chunk)) this.waitingSince = this.options.now();
    else this.inbound.pause();
  };

  private readonly onEnd = (): void => {
    this.detach();
    this.options.onProgress();
    this.push(null);
  };

  private readonly onClose = (): void => {
    if (!this.inbound.complete) this.fault('gone');
  };

  private checkTime(): void {
    if (this.waitingSince === null) this.timer?.refresh();
    else this.fault('slow');
  }

  private tooSlow(): boolean {
    const { bodyGraceMs, minBodyBytesPerSecond } = this.options.limits;
    return this.waitedMs > bodyGraceMs && this.received < (this.waitedMs / 1_000) * minBodyBytesPerSecond;
  }

  private fault(fault: BodyFault): void {
    this.detach();
    this.options.onFault(fault);
    this.destroy(new Error(`request body: ${fault}`));
  }
}
