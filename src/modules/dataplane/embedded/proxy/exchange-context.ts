import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHead } from '../http/request-head.js';
import type { EngineLimits } from '../options.js';
import type { Route } from '../routing/route.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { Tunnel } from './tunnel.js';

/** What exchanges share. */
export interface ExchangeContext {
  readonly limits: EngineLimits;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  readonly random: () => number;
  readonly telemetry: Telemetry;
  readonly stopping: () => boolean;
  /** WebSocket connections, for the shutdown. */
  readonly tunnels: Set<Tunnel>;
}

/** Bytes on the client's connection since the last exchange on it. */
export interface ByteMeter {
  take(): { in: number; out: number };
}

/** One request that found its route. */
export interface ExchangeInput {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly head: RequestHead;
  readonly route: Route;
  readonly clientAddress: string;
  readonly requestId: string;
  readonly meter: ByteMeter;
  readonly scheme: 'http' | 'https';
  /** The client waits for 100 Continue before it sends the body. */
  readonly expectsContinue: boolean;
  /** Protocol to switch to, else null. */
  readonly upgrade: string | null;
}
