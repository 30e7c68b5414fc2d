import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * A connection after 101 Switching Protocols: bytes go both ways with back-pressure, each side may close its half,
 * and the failure of one ends the other.
 */
export class Tunnel {
  private closed = false;
  private response: ServerResponse | null = null;
  private onClose: () => void = () => undefined;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Duplex,
    private readonly idleTimeoutMs: number,
  ) {}

  /** Sends the 101 with these fields and connects the two sides; `onClose` is called once, when both are closed. */
  open(response: ServerResponse, headers: readonly string[], onClose: () => void): void {
    const { client, upstream } = this;
    this.onClose = onClose;
    this.response = response;
    response.detachSocket(client);
    let head = 'HTTP/1.1 101 Switching Protocols\r\n';
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    client.write(`${head}\r\n`, 'latin1');
    for (const side of [client, upstream]) {
      side.on('error', () => this.destroy());
      side.on('close', () => this.sideClosed());
    }
    client.setTimeout(this.idleTimeoutMs, () => this.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  }

  destroy(): void {
    this.client.destroy();
    this.upstream.destroy();
  }

  private sideClosed(): void {
    this.destroy();
    if (this.closed) return;
    this.closed = true;
    this.onClose();
    // Node does not know any more that this answer belonged to the connection.
    this.response?.emit('close');
  }
}
