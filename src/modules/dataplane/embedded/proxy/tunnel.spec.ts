import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  backendConfig,
  deadPort,
  startUpstream,
  type TestUpstream,
  until,
} from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const handshake = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;

describe('WebSocket connections', () => {
  let harness: EngineHarness;
  let upstream: TestUpstream;
  let backendSide: Socket | null;

  /** A backend that accepts the handshake, greets and echoes. */
  const startEcho = async (): Promise<TestUpstream> => {
    const echo = await startUpstream('echo', (_request, response) => response.writeHead(403).end('no'));
    echo.server.on('upgrade', (request, socket: Socket, head) => {
      echo.requests.push(request);
      if (request.url === '/refuse') {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
        return;
      }
      backendSide = socket;
      socket.on('error', () => undefined);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\nhello;`,
      );
      socket.write(head);
      socket.on('data', (data) => socket.write(data));
      socket.on('end', () => socket.end('bye;'));
    });
    return echo;
  };

  beforeEach(async () => {
    backendSide = null;
    harness = new EngineHarness();
    await harness.start();
    upstream = await startEcho();
    harness.onClose(() => upstream.close());
    await harness.serve([backendConfig('b1', upstream.port)]);
  });
  afterEach(() => harness.close());

  const connections = (): number => harness.engine.stats().backends.get('b1')!.connections;

  it('pass the handshake and then bytes both ways, also those sent along with the handshake', async () => {
    const client = harness.client();
    client.send(`${handshake('/chat')}early;`);
    await client.receives('hello;early;');
    expect(client.text).toContain(`Sec-WebSocket-Accept: ${ACCEPT}`);
    expect(client.text).toMatch(/Connection: Upgrade\r\n/);
    expect(upstream.requests[0].headers).toMatchObject({
      upgrade: 'websocket',
      'x-forwarded-for': '127.0.0.1',
    });
    client.send('ping;');
    await client.receives('ping;');
    expect(connections()).toBe(1);
    expect(harness.engine.stats().requestsInFlight).toBe(1);
  });

  it('let each side close its half', async () => {
    const client = harness.client();
    client.send(handshake('/chat'));
    await client.receives('hello;');
    client.socket.end('last;');
    await client.receives('last;bye;');
    await until('the end', () => connections() === 0);
    expect(harness.engine.stats().requestsInFlight).toBe(0);
  });

  it('end when the backend dies, and the engine goes on', async () => {
    const client = harness.client();
    client.send(handshake('/chat'));
    await client.receives('hello;');
    backendSide?.resetAndDestroy();
    await client.isClosed();
    await until('the end', () => connections() === 0);
    expect((await harness.call()).status).toBe(403);
  });

  it('free the backend when the client dies', async () => {
    const client = harness.client();
    client.send(handshake('/chat'));
    await client.receives('hello;');
    client.socket.resetAndDestroy();
    await until('the end', () => connections() === 0 && backendSide!.destroyed);
  });

  it('pass on a refusal of the backend', async () => {
    const client = harness.client();
    client.send(handshake('/refuse'));
    await client.isClosed();
    expect(client.text).toMatch(/^HTTP\/1.1 403[\s\S]*no$/);
    expect(connections()).toBe(0);
  });

  it('are tried on another backend when the first refuses the connection', async () => {
    await harness.serve([backendConfig('b2', await deadPort()), backendConfig('b1', upstream.port)]);
    for (let i = 0; i < 2; i++) {
      const client = harness.client();
      client.send(handshake('/chat'));
      await client.receives('hello;');
    }
  });

  it('to an unknown host are answered 404', async () => {
    const client = harness.client();
    client.send(handshake('/chat').replace(HOST, 'nobody.example.com'));
    await client.isClosed();
    expect(client.text).toMatch(/^HTTP\/1.1 404/);
  });

  it('count as one request with their bytes, and are closed at the deadline of a stop', async () => {
    const client = harness.client();
    client.send(handshake('/chat'));
    await client.receives('hello;');
    client.send('x'.repeat(1_000));
    await client.receives('x'.repeat(1_000));
    await harness.engine.stop(20);
    await client.isClosed();
    const { traffic } = harness.engine.drainTelemetry();
    expect(traffic).toHaveLength(1);
    expect(traffic[0]).toMatchObject({ requests: 1, statusClasses: [1, 0, 0, 0, 0], backendId: 'b1' });
    expect(traffic[0].bytesIn).toBe(handshake('/chat').length + 1_000);
    expect(traffic[0].bytesOut).toBe(client.text.length);
  });
});
