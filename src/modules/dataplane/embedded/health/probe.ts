import { Agent, request } from 'node:http';
import { backendLookup } from '../transport/lookup.js';

/** Each check opens a connection of its own: that is part of what it checks. */
const AGENT = new Agent({ keepAlive: false });

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
  readonly expectedStatus: number;
  /** Whether its name may lead to a private or loopback address. */
  readonly allowPrivate: boolean;
}

/** Outcome of one health check; the reason names no address. */
export type ProbeResult = { readonly good: true } | { readonly good: false; readonly reason: string };

/** One GET on a fresh connection, within `timeoutMs` in all. Calls back once. */
export function probe(target: ProbeTarget, done: (result: ProbeResult) => void): void {
  let open = true;
  const settle = (result: ProbeResult): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    done(result);
    call.destroy();
  };
  const call = request({
    host: target.host,
    port: target.port,
    path: target.path,
    agent: AGENT,
    lookup: backendLookup(target.allowPrivate),
    headers: { host: hostField(target), connection: 'close', 'user-agent': 'VeloFlux-health-check' },
  });
  const late = (): void => settle({ good: false, reason: `no answer within ${target.timeoutMs} ms` });
  // When the event loop was held up, the answer may be waiting to be read: it gets its turn before time is judged.
  const timer = setTimeout(() => setImmediate(late), target.timeoutMs);
  call.on('response', (response) => {
    response.on('error', () => undefined);
    const status = response.statusCode ?? 0;
    if (status === target.expectedStatus) settle({ good: true });
    else settle({ good: false, reason: `HTTP ${status}, expected ${target.expectedStatus}` });
  });
  call.on('error', (error) => settle({ good: false, reason: reasonOf(error) }));
  call.end();
}

function hostField({ host, port }: ProbeTarget): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function reasonOf(error: Error): string {
  const { code } = error as { code?: string };
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET') return 'connection reset';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'name not found';
  return code?.startsWith('HPE_') ? 'not an HTTP answer' : 'connection failed';
}
