import { seeded } from '../../../../../test/support/balancing.js';
import { backendConfig, deadPort, RawClient, until } from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

const LINES = [
  'GET / HTTP/1.1',
  'POST /a HTTP/1.1',
  'PUT /b HTTP/1.0',
  `GET http://${HOST}/x HTTP/1.1`,
  'HEAD /h HTTP/1.1',
  'CONNECT h:1 HTTP/1.1',
];
const FIELDS = [
  `Host: ${HOST}`,
  'Content-Length: 5',
  'Content-Length: 100',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Connection: close',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Expect: 100-continue',
];
const BODIES = [
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffff\r\n',
  'x'.repeat(200),
  `GET /evil HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
];
const JUNK = ['\r', '\n', '\0', '\r\n', '\r\n ', ' ', ':', '\x80'];

describe('random requests, whole, broken and cut off', () => {
  it('leave no request, connection or place at a backend behind, and the engine serves on', async () => {
    const random = seeded(20_261_122);
    const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
    const message = (): string => {
      const fields = Array.from({ length: Math.floor(random() * 4) }, () => one(FIELDS));
      const text = `${[one(LINES), `Host: ${HOST}`, ...fields].join('\r\n')}\r\n\r\n${one(BODIES)}`;
      if (random() > 0.3) return text;
      const at = Math.floor(random() * text.length);
      return text.slice(0, at) + one(JUNK) + text.slice(at);
    };
    const errors: unknown[] = [];
    const harness = new EngineHarness();
    const limits = { headersTimeoutMs: 500, bodyIdleTimeoutMs: 300, keepAliveTimeoutMs: 300 };
    await harness.start({ ...limits, onError: (error) => errors.push(error) });
    const upstream = await harness.upstream('one', (request, response) => {
      const fate = random();
      if (fate < 0.1) request.socket.destroy();
      else if (fate < 0.2) response.writeHead(200, { 'Content-Length': '9' }).write('cut');
      else request.resume().on('end', () => response.end('one'));
      if (fate >= 0.1 && fate < 0.2) setImmediate(() => request.socket.destroy());
    });
    await harness.serve([backendConfig('b1', upstream.port), backendConfig('b2', await deadPort())]);

    const exchange = async (): Promise<void> => {
      const client = new RawClient(harness.port);
      const text = random() < 0.5 ? message() : message() + message();
      const cut = random() < 0.5 ? text.length : Math.floor(random() * text.length);
      client.send(text.slice(0, cut));
      await new Promise(setImmediate);
      client.send(text.slice(cut));
      // Some never end on their own: half a head, a body that is announced and not sent.
      await until('an answer', () => client.closed || client.text !== '', 50).catch(() => undefined);
      client.socket.destroy();
    };
    for (let i = 0; i < 60; i++) await Promise.allSettled(Array.from({ length: 10 }, exchange));

    const { stats } = harness.engine;
    await until('everything to end', () => {
      const { openConnections, requestsInFlight, backends } = stats.call(harness.engine);
      return (
        openConnections +
          requestsInFlight +
          [...backends.values()].reduce((sum, { connections }) => sum + connections, 0) ===
        0
      );
    });
    expect(errors).toEqual([]);
    await until('an answer', async () => (await harness.call().catch(() => null))?.body === 'one');
    await harness.close();
  });
});
