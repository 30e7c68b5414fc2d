import type { KeyPair } from '../../../common/tls.js';

/** A client that sends more requests ahead of the answers is cut off. */
export const MAX_PIPELINED = 100;

/** Limits that protect the engine from clients; every time is in milliseconds. */
export interface EngineLimits {
  /** Largest request head (request line and header fields together), bytes; more is answered 431. */
  readonly maxHeaderBytes: number;
  /** Most header fields of a request; more is answered 431. Node would drop the surplus silently. */
  readonly maxHeaderCount: number;
  /** Time to receive a request head. */
  readonly headersTimeoutMs: number;
  /** Longest wait for the next piece of a request body. */
  readonly bodyIdleTimeoutMs: number;
  /** Time spent waiting for a request body after which it must have come at `minBodyBytesPerSecond`. */
  readonly bodyGraceMs: number;
  readonly minBodyBytesPerSecond: number;
  /** How long an idle client connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** How long a client may refuse to take the next piece of an answer. */
  readonly clientStallTimeoutMs: number;
  /** A forwarded WebSocket connection without a byte in either direction for this long is closed. */
  readonly tunnelIdleTimeoutMs: number;
  /** Most client connections at a time; further ones are closed at once. */
  readonly maxConnections: number;
  /** Health checks under way at a time, over all pools. */
  readonly healthConcurrency: number;
  /** Most health checks started in a second, over all pools; the surplus waits in line. */
  readonly healthStartsPerSecond: number;
}

export interface EmbeddedEngineOptions extends Partial<EngineLimits> {
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes any free port; `health().ports.http` tells which. */
  readonly httpPort: number;
  /** Null or absent: no TLS door. 0 takes any free port; `health().ports.https` tells which. */
  readonly httpsPort?: number | null;
  /** Port that clients see in redirects to https; the https port by default. */
  readonly publicHttpsPort?: number;
  /** For clients that name no host with a certificate of its own; without it they are turned away. */
  readonly defaultCertificate?: KeyPair | null;
  /** Uniform on [0, 1); a seeded one makes balancing repeatable. */
  readonly random?: () => number;
  /** False: node:http reads every connection; default: only those that ask for more than plain HTTP/1.1. */
  readonly fastPath?: boolean;
  /** Told of errors that should not happen; default: a process warning. */
  readonly onError?: (error: unknown) => void;
}

export const DEFAULT_LIMITS: EngineLimits = {
  maxHeaderBytes: 16_384,
  maxHeaderCount: 100,
  headersTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 15_000,
  bodyGraceMs: 30_000,
  minBodyBytesPerSecond: 500,
  keepAliveTimeoutMs: 60_000,
  clientStallTimeoutMs: 60_000,
  tunnelIdleTimeoutMs: 3_600_000,
  maxConnections: 20_000,
  healthConcurrency: 128,
  healthStartsPerSecond: 2_000,
};

/** Fills what the options leave open with the defaults. */
export function limitsOf(options: EmbeddedEngineOptions): EngineLimits {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS };
  for (const key of Object.keys(DEFAULT_LIMITS) as (keyof EngineLimits)[]) {
    const given = options[key];
    if (given !== undefined) limits[key] = given;
  }
  return limits as unknown as EngineLimits;
}
