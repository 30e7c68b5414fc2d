import type { RequestHead } from '../http/request-head.js';
import type { EngineLimits } from '../options.js';
import type { Route } from '../routing/route.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { Incoming } from './incoming.js';
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

/** One request that found its route. */
export interface ExchangeInput {
  readonly incoming: Incoming;
  readonly head: RequestHead;
  readonly route: Route;
  readonly requestId: string;
}
