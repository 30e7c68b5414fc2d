import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LocalAnswer, Refusal } from '../http/answers.js';
import type { RequestHead } from '../http/request-head.js';
import type { Pausable } from './attempt.js';

/** A request's body as it comes from the client; node's IncomingMessage is one. Begins when `resume` is called. */
export interface InboundBody {
  /** It came whole. */
  readonly complete: boolean;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  off(event: 'data', listener: (chunk: Buffer) => void): unknown;
  off(event: 'end' | 'close', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** A client's request, whichever front read it. */
export interface ClientRequest {
  readonly method: string;
  readonly httpVersion: string;
  /** Names and values in turn, as written. */
  readonly rawHeaders: readonly string[];
  readonly body: InboundBody;
}

/**
 * The client's side of an exchange: writes the answer, honours back-pressure, and gives up on a client that does not
 * take it.
 */
export interface ClientReply {
  /** Status sent to the client, 0 before the head; set by whoever switches protocols. */
  status: number;
  /** The client does not take data now. */
  readonly paused: boolean;
  readonly headSent: boolean;
  /** This answer is the last one on its connection; to be called before its head. */
  closeAfter(): void;
  /** 100 Continue. */
  goOn(): void;
  /** 103 with these Link values (RFC 8297). */
  earlyHints(links: readonly string[]): void;
  /** Sends the whole of an answer of our own. Too late when a head is out: then the connection is cut. */
  local(answer: LocalAnswer, extraHeaders: readonly string[]): void;
  /** Begins the backend's answer; `source` goes on after `write` returned false. */
  head(status: number, reason: string, headers: readonly string[], source: Pausable): void;
  /** The piece is the caller's again after the next `flush` or `end`. */
  write(chunk: Buffer): boolean;
  /** Nothing more comes in this turn: what was held back to be sent in one piece must go. */
  flush(): void;
  end(): void;
  /** The answer cannot be completed: the client must notice. */
  cut(): void;
  /** No more callbacks. */
  close(): void;
}

/** A client that wants to switch protocols. */
interface UpgradeOffer {
  /** Of the Upgrade field, lower case. */
  readonly protocol: string;
  readonly socket: Socket;
  readonly response: ServerResponse;
}

/** Bytes on the client's connection since the last exchange on it. */
export interface ByteMeter {
  take(): { in: number; out: number };
}

/** A request as it comes from a front. */
export interface Incoming {
  readonly request: ClientRequest;
  readonly reply: ClientReply;
  /** What was read of the head, or why it is refused. */
  readonly head: RequestHead | Refusal;
  readonly clientAddress: string;
  readonly meter: ByteMeter;
  readonly scheme: 'http' | 'https';
  /** The client waits for 100 Continue before it sends the body. */
  readonly expectsContinue: boolean;
  readonly upgrade: UpgradeOffer | null;
  /** Whoever answers; told once when the answer is out or the client is gone. */
  owner: { closed(): void } | null;
}
