import type { Duplex } from 'node:stream';
import type { Backend } from '../pools/backend.js';
import type { UpstreamFailure, UpstreamHandler, UpstreamRequest } from '../transport/upstream.js';

/** Where an answer's body comes from. */
export interface Pausable {
  /** Goes on after `onData` returned false. */
  resume(): void;
}

/** Whoever wants the answer. Callbacks come in order and stop after `cancel`. */
export interface AttemptOwner {
  /** The client does not take data now, or owes some of the request: the backend's clock stands still. */
  readonly paused: boolean;
  onInterim(status: number, headers: string[]): void;
  onHead(status: number, reason: string, headers: string[], source: Pausable): void;
  /** The piece may be kept until the next `onFlush` or `onEnd` only. */
  onData(chunk: Buffer): boolean;
  /** What came in one read has been handed over; more is to come. */
  onFlush(): void;
  onEnd(): void;
  onUpgrade(headers: string[], socket: Duplex): void;
  /** No (whole) answer; the attempt is over. */
  onFailure(failure: AttemptFailure): void;
}

export interface AttemptFailure {
  readonly kind: UpstreamFailure['kind'] | 'timeout';
  /** The request may have reached the backend. */
  readonly sent: boolean;
}

/**
 * One try of a request at one backend: keeps its time limit, and tells the pool exactly once how it went. It holds
 * its place among the backend's requests in flight until it is over.
 */
export class Attempt implements UpstreamHandler, Pausable {
  private sent = false;
  private over = false;
  /** The backend sent a response head. */
  answered = false;
  private abort: (() => void) | null = null;
  private startedAt = 0;
  private activeAt = 0;
  private timer: NodeJS.Timeout;
  private resumeUpstream: (() => void) | null = null;

  constructor(
    readonly backend: Backend,
    private readonly owner: AttemptOwner,
    private readonly timeoutMs: number,
    private readonly now: () => number,
  ) {}

  start(request: UpstreamRequest): void {
    this.startedAt = this.now();
    this.activeAt = this.startedAt;
    this.timer = setTimeout(onTimer, this.timeoutMs, this);
    this.backend.pool.started(this.backend, this.startedAt);
    this.backend.upstream.dispatch(request, this);
  }

  /** Something moved: the time limit starts anew. */
  touch(): void {
    this.activeAt = this.now();
  }

  resume(): void {
    this.touch();
    this.resumeUpstream?.();
  }

  /** The answer is not wanted any more. The backend is not to blame. */
  cancel(): void {
    if (this.over) return;
    this.finish();
    this.abort?.();
  }

  onSent(abort: () => void): void {
    this.sent = true;
    if (this.over) abort();
    else this.abort = abort;
  }

  onInterim(status: number, headers: string[]): void {
    if (!this.over) this.owner.onInterim(status, headers);
  }

  onHead(status: number, reason: string, headers: string[], resume: () => void): void {
    if (this.over) return;
    this.noteHead(status);
    this.resumeUpstream = resume;
    this.owner.onHead(status, reason, headers, this);
  }

  onData(chunk: Buffer): boolean {
    if (this.over) return true;
    this.touch();
    return this.owner.onData(chunk);
  }

  onFlush(): void {
    if (!this.over) this.owner.onFlush();
  }

  onEnd(): void {
    if (this.over) return;
    this.finish();
    this.owner.onEnd();
  }

  onUpgrade(headers: string[], socket: Duplex): void {
    if (this.over) {
      socket.destroy();
      return;
    }
    this.noteHead(101);
    clearTimeout(this.timer);
    this.owner.onUpgrade(headers, socket);
  }

  /** The switched connection is closed. */
  tunnelClosed(): void {
    if (!this.over) this.finish();
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.over) return;
    this.fail(failure.kind, failure.message);
  }

  /** Fails the attempt when nothing moved for the whole time limit. */
  checkTime(): void {
    if (this.over) return;
    const idle = this.now() - this.activeAt;
    if (this.owner.paused || idle < this.timeoutMs) {
      this.timer = setTimeout(onTimer, this.owner.paused ? this.timeoutMs : this.timeoutMs - idle, this);
      return;
    }
    const { abort } = this;
    this.fail('timeout', `no answer within ${this.timeoutMs} ms`);
    abort?.();
  }

  private noteHead(status: number): void {
    this.answered = true;
    this.activeAt = this.now();
    this.backend.pool.answered(this.backend, status, this.activeAt - this.startedAt, this.activeAt);
  }

  private fail(kind: AttemptFailure['kind'], message: string): void {
    this.finish();
    const now = this.now();
    if (!this.answered) this.backend.pool.failed(this.backend, message, now - this.startedAt, now);
    this.owner.onFailure({ kind, sent: this.sent });
  }

  private finish(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.backend.release();
  }
}

/** When the event loop was held up, the answer may be waiting to be read: it gets its turn before time is judged. */
function onTimer(attempt: Attempt): void {
  setImmediate(onTimerAfterReading, attempt);
}

function onTimerAfterReading(attempt: Attempt): void {
  attempt.checkTime();
}
