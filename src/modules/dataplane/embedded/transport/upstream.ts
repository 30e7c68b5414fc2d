import type { Duplex, Readable } from 'node:stream';

/** A request as it goes to a backend: end-to-end fields without framing; the transport adds that and Connection. */
export interface UpstreamRequest {
  readonly method: string;
  /** Origin form: path and query. */
  readonly target: string;
  /** Names and values in turn, names as the client wrote them. */
  readonly headers: string[];
  readonly body: Readable | null;
  /** Of the body; null when it is not known, or when the client said none. */
  readonly contentLength: number | null;
  /** Protocol of the Upgrade field when the connection is to be switched, else null. */
  readonly upgrade: string | null;
}

/** How a try at a backend failed before its answer was complete. */
export interface UpstreamFailure {
  /** connect: no connection; timeout: connecting took too long; closed: lost; protocol: not a valid answer. */
  readonly kind: 'connect' | 'connect-timeout' | 'closed' | 'protocol';
  /** For people; names no address. */
  readonly message: string;
}

/** Takes what happens to one dispatched request. Callbacks may come before `dispatch` returns. */
export interface UpstreamHandler {
  /** The request is about to be written on a connection: from here on the backend may act on it. */
  onSent(abort: () => void): void;
  /** An interim answer (1xx but 101). */
  onInterim(status: number, headers: string[]): void;
  /** The head of the final answer, hop-by-hop fields included; `resume` continues after a pause. */
  onHead(status: number, reason: string, headers: string[], resume: () => void): void;
  /** False pauses the answer until `resume`. The piece may be kept until the next `onFlush` or `onEnd` only. */
  onData(chunk: Buffer): boolean;
  /** What came in one read has been handed over; more is to come. */
  onFlush(): void;
  onEnd(): void;
  /** The backend switched protocols (101): the socket is the handler's now. */
  onUpgrade(headers: string[], socket: Duplex): void;
  onFailure(failure: UpstreamFailure): void;
}

/** Pooled connections to one backend. */
export interface Upstream {
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void;
  /** Closes idle connections now and the others when their request is done. */
  close(): void;
}
