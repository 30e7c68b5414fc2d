import { connect, type Socket } from 'node:net';
import { backendLookup } from './lookup.js';

/** No connection came about in the time allowed. */
class ConnectTimeout extends Error {
  readonly code = 'CONNECT_TIMEOUT';
}

/** Where connections read to, one after the other: node would make a new buffer for each read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/**
 * Opens one TCP connection, within `timeoutMs`. Exactly one of `done`'s arguments is given.
 *
 * @param onRead Takes what comes, instead of the socket's `data` events. The bytes are there during the call only.
 */
export function openConnection(
  host: string,
  port: number,
  timeoutMs: number,
  allowPrivate: boolean,
  done: (error: Error | null, socket: Socket | null) => void,
  onRead?: (bytes: Buffer) => void,
): Socket {
  const socket = connect({
    host,
    port,
    lookup: backendLookup(allowPrivate),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    allowHalfOpen: true,
    ...(onRead && { onread: { buffer: READ_BUFFER, callback: reader(onRead) } }),
  });
  let pending = true;
  const settle = (error: Error | null): void => {
    if (!pending) return;
    pending = false;
    clearTimeout(timer);
    done(error, error ? null : socket);
  };
  const late = (): void => {
    if (!pending) return;
    settle(new ConnectTimeout('no connection in time'));
    socket.destroy();
  };
  // When the event loop was held up, the connection may be there already: it gets its turn before time is judged.
  const timer = setTimeout(() => setImmediate(late), timeoutMs);
  socket.once('connect', () => settle(null));
  // Stays for the socket's life: whoever takes it over adds its own, and a late error must not end the process.
  socket.on('error', settle);
  return socket;
}

function reader(onRead: (bytes: Buffer) => void): (length: number) => boolean {
  return (length) => {
    onRead(READ_BUFFER.subarray(0, length));
    // A socket that is to be read no more was paused.
    return true;
  };
}
