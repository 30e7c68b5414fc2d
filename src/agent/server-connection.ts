import { setTimeout as delay } from 'node:timers/promises';
import type { AgentFrame } from '../common/agent-protocol.js';
import { type BackoffPolicy, jitteredBackoffMs } from '../common/backoff.js';
import { ServerSession, type SessionEnd, type SessionHandler } from './server-session.js';

export interface ConnectionPolicy {
  readonly backoff: BackoffPolicy;
  /** Between pings, ms; a connection on which nothing came since the last ping is given up. */
  readonly heartbeatMs: number;
}

export const DEFAULT_CONNECTION: ConnectionPolicy = {
  backoff: { initialMs: 500, maxMs: 30_000 },
  heartbeatMs: 10_000,
};

/** So many failures that the back-off has reached its longest delay. */
const MANY_FAILURES = 30;

/** Keeps a session with the server up, with back-off and jitter between the attempts. */
export class ServerConnection {
  private session: ServerSession | null = null;

  constructor(
    private readonly server: string,
    private readonly policy: ConnectionPolicy,
    private readonly handler: SessionHandler,
  ) {}

  /** Resolves with `aborted` when the signal aborts, with `refused` when the server refuses the credential. */
  async keep(credential: string, signal: AbortSignal): Promise<'aborted' | 'refused'> {
    let failures = 0;
    while (!signal.aborted) {
      const end = await this.hold(credential, signal);
      if (signal.aborted) break;
      if (end.isRefused) return 'refused';
      failures = nextFailures(failures, end);
      const waitMs = jitteredBackoffMs(failures, this.policy.backoff);
      this.handler.log(`connection ended (${end.reason}); next attempt in ${(waitMs / 1000).toFixed(1)} s`);
      await delay(waitMs, undefined, { signal }).catch(() => {});
    }
    return 'aborted';
  }

  /** Sends the frame when there is an open connection; otherwise it is dropped. */
  send(frame: AgentFrame): void {
    this.session?.send(frame);
  }

  /** Sends a report now, besides those of the interval. */
  async report(): Promise<void> {
    await this.session?.report();
  }

  private async hold(credential: string, signal: AbortSignal): Promise<SessionEnd> {
    const session = new ServerSession(this.server, credential, this.policy.heartbeatMs, this.handler);
    this.session = session;
    const close = () => session.close();
    signal.addEventListener('abort', close, { once: true });
    const end = await session.ended;
    signal.removeEventListener('abort', close);
    this.session = null;
    return end;
  }
}

function nextFailures(failures: number, end: SessionEnd): number {
  if (end.isHopeless) return MANY_FAILURES;
  return end.wasAccepted ? 1 : failures + 1;
}
