import { backendConfig, deadPort, startTcp, until } from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

describe('backends that fail', () => {
  let harness: EngineHarness;

  beforeEach(async () => {
    harness = new EngineHarness();
    await harness.start();
  });
  afterEach(() => harness.close());

  const statuses = async (count: number, method = 'GET', body?: string): Promise<number[]> => {
    const all: number[] = [];
    for (let i = 0; i < count; i++)
      all.push(
        (await harness.call('/', { method, body, headers: body ? { 'content-length': body.length } : {} }))
          .status,
      );
    return all;
  };
  const tcp = async (onData: (socket: import('node:net').Socket) => void): Promise<number> => {
    const server = await startTcp((socket) => socket.once('data', () => onData(socket)));
    harness.onClose(() => server.close());
    return server.port;
  };

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'PATCH'])(
    'a backend that refuses connections costs a %s nothing, body or not',
    async (method) => {
      const good = await harness.upstream('good', (request, response) => request.pipe(response));
      await harness.serve([backendConfig('b1', await deadPort()), backendConfig('b2', good.port)]);
      expect(await statuses(6, method)).toEqual(Array(6).fill(200));
      const withBody = { method, body: 'abc', headers: { 'content-length': 3 } };
      expect((await harness.call('/', withBody)).body).toBe(method === 'HEAD' ? '' : 'abc');
    },
  );

  it('an idempotent request is repeated elsewhere when the connection closes before an answer', async () => {
    const good = await harness.upstream('good');
    const bad = await tcp((socket) => socket.destroy());
    await harness.serve([backendConfig('b1', bad), backendConfig('b2', good.port)]);
    expect(await statuses(6)).toEqual(Array(6).fill(200));
  });

  it('a POST that a backend may have seen is not repeated', async () => {
    const good = await harness.upstream('good');
    const bad = await tcp((socket) => socket.destroy());
    await harness.serve([backendConfig('b1', bad), backendConfig('b2', good.port)]);
    const all = await statuses(2, 'POST');
    expect(all.sort()).toEqual([200, 502]);
    expect(good.requests).toHaveLength(1);
  });

  it('an idempotent request whose body was read is not repeated', async () => {
    const good = await harness.upstream('good');
    const bad = await tcp((socket) => socket.destroy());
    await harness.serve([backendConfig('b1', bad), backendConfig('b2', good.port)]);
    expect((await statuses(2, 'PUT', 'x'.repeat(100_000))).sort()).toEqual([200, 502]);
  });

  it('no more other backends are tried than retries allows', async () => {
    let connections = 0;
    const ports = await Promise.all(
      [1, 2, 3, 4].map(() => tcp((socket) => socket.destroy(void connections++))),
    );
    await harness.serve(
      ports.map((port, i) => backendConfig(`b${i}`, port)),
      { retries: 2 },
    );
    expect(await statuses(1)).toEqual([502]);
    expect(connections).toBe(3);
  });

  it('killing a backend under load fails no idempotent request', async () => {
    const one = await harness.upstream('one');
    const two = await harness.upstream('two');
    await harness.serve([backendConfig('b1', one.port), backendConfig('b2', two.port)]);
    const results: number[] = [];
    let stop = false;
    const worker = async (): Promise<void> => {
      while (!stop) results.push((await harness.call()).status);
    };
    const workers = Array.from({ length: 8 }, worker);
    await until('traffic', () => one.requests.length > 50);
    await one.close();
    const before = two.requests.length;
    await until('traffic after the kill', () => two.requests.length > before + 200);
    stop = true;
    await Promise.all(workers);
    expect(results.filter((status) => status !== 200)).toEqual([]);
  });

  it('a kept-alive connection that the backend closed costs a single backend nothing', async () => {
    const upstream = await harness.upstream('one', (request, response) => {
      response.end('ok');
      // Closed without notice, while the engine believes it may be used again.
      setImmediate(() => request.socket.destroy());
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    for (let i = 1; i <= 20; i++) {
      client.send(`GET /${i} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      await until('the answer', () => (client.text.match(/HTTP\/1.1 /g) ?? []).length === i);
    }
    expect(client.text.match(/HTTP\/1.1 200/g)).toHaveLength(20);
  });

  describe('the keep-alive race: a backend closes an idle connection just as a request is written on it', () => {
    /** Answers the first request of a connection and closes on the second. */
    const oneAnswerEach = async (): Promise<number> => {
      const server = await startTcp((socket) => {
        let requests = 0;
        socket.on('data', () => {
          if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
          else socket.destroy();
        });
      });
      harness.onClose(() => server.close());
      return server.port;
    };

    it('costs an idempotent request nothing, even with a single backend', async () => {
      await harness.serve([backendConfig('b1', await oneAnswerEach())]);
      expect(await statuses(4)).toEqual([200, 200, 200, 200]);
    });

    it('is a 502 to a POST, which may have been read', async () => {
      await harness.serve([backendConfig('b1', await oneAnswerEach())]);
      expect(await statuses(2, 'POST')).toEqual([200, 502]);
    });
  });

  it('an answer that ends with the connection is passed on whole', async () => {
    const old = await tcp((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end'));
    await harness.serve([backendConfig('b1', old)]);
    expect((await harness.call()).body).toBe('until the end');
  });

  it.each([
    ['garbage', 'SSH-2.0-OpenSSH_9\r\n', 'BAD_ANSWER'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'BAD_ANSWER'],
    [
      'length and chunked',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
      'BAD_ANSWER',
    ],
    [
      'a switch nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      'BAD_ANSWER',
    ],
  ])('%s from a backend is answered 502', async (_name, bytes, code) => {
    const bad = await tcp((socket) => socket.write(bytes));
    await harness.serve([backendConfig('b1', bad)]);
    const answer = await harness.call();
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([502, code]);
  });

  it('an answer that breaks off is cut off at the client, not completed', async () => {
    const bad = await tcp((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'));
    await harness.serve([backendConfig('b1', bad)]);
    await expect(harness.call()).rejects.toThrow();
  });

  it('504 when the head does not come in time, and the client is cut when a body stalls', async () => {
    const silent = await tcp(() => undefined);
    const stalls = await tcp((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'));
    await harness.serve([backendConfig('b1', silent), backendConfig('b2', stalls)], {
      responseTimeoutMs: 100,
    });
    const first = await harness.call();
    expect([first.status, JSON.parse(first.body).code]).toEqual([504, 'GATEWAY_TIMEOUT']);
    await expect(harness.call()).rejects.toThrow();
    expect(harness.engine.stats().backends.get('b1')).toMatchObject({
      connections: 0,
      lastError: 'no answer within 100 ms',
    });
  });

  it('503 with Retry-After when no backend may be used', async () => {
    await harness.serve([backendConfig('b1', await deadPort(), { adminState: 'disabled' })]);
    const answer = await harness.call();
    expect([answer.status, answer.headers['retry-after'], JSON.parse(answer.body)]).toEqual([
      503,
      '5',
      { error: true, code: 'NO_BACKEND', message: 'No backend is available' },
    ]);
  });
});
