import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** One line of the access log: a request that is over. */
export interface AccessLine {
  /** Null: no tenant's route was found. */
  readonly tenantId: string | null;
  readonly routeId: string | null;
  /** Null: answered before a pool was reached. */
  readonly poolId: string | null;
  /** The last backend that was tried. */
  readonly triedBackendId: string | null;
  /** The backend that answered. */
  readonly backendId: string | null;
  /** No route serves the host and path. */
  readonly unknown: boolean;
  /** 499 (as nginx has it) when the client went before there was an answer. */
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** From the first byte of the request to the last one of the answer. HAProxy counts whole milliseconds. */
  readonly latencyMs: number;
  /** From the connection to the backend to its response head; null when there was none. */
  readonly responseTimeMs: number | null;
  /** The client ended it. */
  readonly clientAborted: boolean;
  readonly clientAddress: string;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
}

/** The fields of the log format in render-base.ts. A variable that was not set is a dash. */
interface RawLine {
  k: string;
  t: string;
  r: string;
  o: string;
  f: string;
  u: string;
  s: string;
  st: number;
  bi: number;
  bo: number;
  ta: number;
  tr: number;
  tc: number;
  e: string;
  ci: string;
  id: string;
  m: string;
  p: string;
}

const CLIENT_CLOSED_REQUEST = 499;

/**
 * Null for a line that is no access line of ours.
 * @param key What our HAProxy puts into every line, so that nobody else can add to a tenant's bill.
 */
export function parseAccessLine(text: string, key: string): AccessLine | null {
  if (!text.startsWith('{')) return null;
  let raw: RawLine;
  try {
    raw = JSON.parse(text) as RawLine;
  } catch {
    return null;
  }
  if (raw.k !== key) return null;
  const tried = raw.s.startsWith('<') ? null : raw.s;
  const answered = raw.tr >= 0;
  return {
    tenantId: named(raw.t),
    routeId: named(raw.r),
    poolId: raw.f === '1' ? named(raw.o) : null,
    triedBackendId: tried,
    backendId: answered ? tried : null,
    unknown: raw.u === '1',
    status: raw.st > 0 ? raw.st : CLIENT_CLOSED_REQUEST,
    bytesIn: raw.bi,
    bytesOut: raw.bo,
    latencyMs: Math.max(0, raw.ta),
    responseTimeMs: answered ? raw.tr + Math.max(0, raw.tc) : null,
    clientAborted: raw.e.startsWith('C'),
    clientAddress: raw.ci,
    requestId: raw.id,
    method: raw.m,
    path: raw.p,
  };
}

const named = (text: string): string | null => (text === '-' || text === '' ? null : text);

/** HAProxy sends at most this much at once; the kernel may grant less (net.core.rmem_max). */
const RECEIVE_BUFFER = 8 * 1024 * 1024;

/** Receives HAProxy's log, one line a datagram. Loopback datagrams are lost only when the buffer is full. */
export class LogReceiver {
  private socket: Socket | null = null;

  /** @param onLine `isLocal`: it comes from this machine. */
  constructor(private readonly onLine: (line: string, isLocal: boolean) => void) {}

  /** Listens; on any port when the wanted one is 0 or taken. Returns the port. */
  async start(address: string, wantedPort: number): Promise<number> {
    const socket = await this.bind(address, wantedPort).catch((error: unknown) => {
      if (wantedPort === 0) throw error;
      return this.bind(address, 0);
    });
    socket.on('message', (message, { address: sender }) => {
      this.onLine(message.toString('utf8').trimEnd(), sender.startsWith('127.') || sender === '::1');
    });
    this.socket = socket;
    return socket.address().port;
  }

  stop(): void {
    this.socket?.close();
    this.socket = null;
  }

  private async bind(address: string, port: number): Promise<Socket> {
    const socket = createSocket({
      type: address.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: RECEIVE_BUFFER,
    });
    socket.bind(port, address);
    await once(socket, 'listening');
    return socket;
  }
}
