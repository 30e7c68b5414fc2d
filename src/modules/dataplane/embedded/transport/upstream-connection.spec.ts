import type { Socket } from 'node:net';
import { backendConfig, startTcp, until } from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

const answer = (body: string, fields = ''): string =>
  `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

describe('connections to a backend', () => {
  let harness: EngineHarness;
  /** Connections made so far. */
  let sockets: Socket[];

  /** A backend that does with a request (its number on the connection, from 1) whatever it likes. */
  const backend = async (onRequest: (socket: Socket, count: number) => void): Promise<void> => {
    const server = await startTcp((socket) => {
      sockets.push(socket);
      let count = 0;
      socket.on('data', () => onRequest(socket, ++count));
    });
    harness.onClose(() => server.close());
    await harness.serve([backendConfig('b1', server.port)], { responseTimeoutMs: 2_000 });
  };
  const statusAndCode = async (): Promise<unknown[]> => {
    const { status, body } = await harness.call();
    return [status, JSON.parse(body).code];
  };

  beforeEach(async () => {
    sockets = [];
    harness = new EngineHarness();
    await harness.start();
  });
  afterEach(() => harness.close());

  it('that bring more than one answer give the rest to nobody', async () => {
    await backend((socket) => socket.write(answer('mine') + answer('evil')));
    for (let i = 0; i < 4; i++) expect((await harness.call()).body).toBe('mine');
    expect(sockets).toHaveLength(4);
  });

  it('that bring an answer nobody asked for are not used again', async () => {
    await backend((socket) => socket.write(answer('mine')));
    await harness.call();
    sockets[0].write(answer('evil'));
    await until('the close', () => sockets[0].destroyed || sockets[0].readableEnded);
    expect((await harness.call()).body).toBe('mine');
    expect(sockets).toHaveLength(2);
  });

  it('whose request was not taken whole are not used again', async () => {
    await backend((socket, count) => count === 1 && socket.write(answer('early')));
    const client = harness.client();
    client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100\r\n\r\nabc`);
    await client.receives('early');
    await until('the close', () => sockets[0].destroyed || sockets[0].readableEnded);
    expect((await harness.call()).body).toBe('early');
    expect(sockets).toHaveLength(2);
  });

  it.each([
    ['Connection: close\r\n', 2],
    ['Keep-Alive: timeout=1\r\n', 2],
    ['Keep-Alive: timeout=30\r\n', 1],
    ['', 1],
  ])('%j: %d for two requests', async (fields, connections) => {
    await backend((socket) => socket.write(answer('ok', fields)));
    await harness.call();
    await harness.call();
    expect(sockets).toHaveLength(connections);
  });

  it.each([
    ['interim answers without an end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(50)],
    [
      'an interim answer that ends the connection',
      `HTTP/1.1 100 x\r\nConnection: close\r\n\r\n${answer('evil')}`,
    ],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(10_000)}`],
    ['a folded field', 'HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 0\r\n\r\n'],
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
    ['a bare CR', 'HTTP/1.1 200 OK\r\nX-A: a\rX-Evil: b\r\nContent-Length: 0\r\n\r\n'],
    ['a NUL', 'HTTP/1.1 200 OK\r\nX-A: a\0\r\nContent-Length: 0\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello'],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['another protocol', 'ICY 200 OK\r\n\r\n'],
  ])('%s is answered 502, and the connection is closed', async (_what, bytes) => {
    await backend((socket) => socket.write(bytes));
    expect(await statusAndCode()).toEqual([502, 'BAD_ANSWER']);
    await until('the close', () => sockets[0].destroyed || sockets[0].readableEnded);
  });

  it('a switch to another protocol than the client asked for is answered 502', async () => {
    await backend((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
    );
    const text = await harness.raw(
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1.1 502/);
  });

  it.each([
    ['a chunk size that is none', 'zz\r\nhello\r\n0\r\n\r\n'],
    ['a chunk longer than it says', '4\r\nhello\r\n0\r\n\r\n'],
    ['a size with white space', '5 \r\nhello\r\n0\r\n\r\n'],
    ['a length in the trailer', '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n'],
  ])('%s in an answer cuts the client off', async (_what, chunks) => {
    await backend((socket) => socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`));
    await expect(harness.call()).rejects.toThrow();
  });

  it('an answer in pieces of one byte arrives whole, its chunks joined, its extensions and trailers gone', async () => {
    const text =
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n' +
      '5;a=b\r\nhello\r\n00C\r\n, wide world\r\n0\r\nX-T: 1\r\n\r\n';
    await backend(async (socket) => {
      for (const character of text) {
        socket.write(character);
        await new Promise(setImmediate);
      }
    });
    for (let i = 0; i < 2; i++) {
      const { body, headers } = await harness.call();
      expect([body, headers['x-a'], headers['x-t']]).toEqual(['hello, wide world', 'b', undefined]);
    }
    expect(sockets).toHaveLength(1);
  });
});
