import net from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** From now on bytes vanish in both directions, as on a cut line: nobody is told. */
  blackhole(): void;
  /** Bytes pass again; connections that were cut are reset. */
  heal(): void;
  close(): Promise<void>;
}

/** Stands between a client and a server, and can swallow everything. */
export async function tcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<net.Socket>();
  let swallow = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(target.port, target.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (d) => {
        if (!swallow) to.write(d);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (!swallow) to.destroy();
      });
    }
  });
  await new Promise<void>((ok) => server.listen(0, '127.0.0.1', ok));
  const reset = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    blackhole: () => {
      swallow = true;
    },
    heal: () => {
      swallow = false;
      reset();
    },
    close: () => {
      swallow = false;
      reset();
      return new Promise((ok) => server.close(() => ok()));
    },
  };
}
