import { connect, type Socket } from 'node:net';

/** No connection came about in the time allowed. */
export class ConnectTimeout extends Error {
  readonly code = 'CONNECT_TIMEOUT';
}

/** Opens one TCP connection, within `timeoutMs`. Exactly one of the callback's arguments is given. */
export function openConnection(
  host: string,
  port: number,
  timeoutMs: number,
  done: (error: Error | null, socket: Socket | null) => void,
): Socket {
  const socket = connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    allowHalfOpen: true,
  });
  let pending = true;
  const settle = (error: Error | null): void => {
    if (!pending) return;
    pending = false;
    clearTimeout(timer);
    done(error, error ? null : socket);
  };
  const timer = setTimeout(() => {
    const error = new ConnectTimeout('no connection in time');
    settle(error);
    socket.destroy();
  }, timeoutMs);
  socket.once('connect', () => settle(null));
  // Stays for the socket's life: whoever takes it over adds its own, and a late error must not end the process.
  socket.on('error', settle);
  return socket;
}
