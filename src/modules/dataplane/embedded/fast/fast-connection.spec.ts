import { backendConfig, type TestUpstream, until } from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${fields}\r\n`;
const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (path: string, ...pieces: string[]): string =>
  `POST ${path} HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n` +
  `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`;

describe('a client connection', () => {
  let harness: EngineHarness;
  let upstream: TestUpstream;

  beforeEach(async () => {
    harness = new EngineHarness();
    await harness.start({ headersTimeoutMs: 300 });
    upstream = await harness.upstream('one', (request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => response.end(`<${request.method} ${request.url} ${body}>`));
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
  });
  afterEach(() => harness.close());

  const answers = (text: string): string[] => text.match(/<[^>]*>/g) ?? [];
  const totals = (): { requests: number; bytesIn: number; bytesOut: number } =>
    harness.engine.drainTelemetry().traffic.reduce(
      (sum, delta) => ({
        requests: sum.requests + delta.requests,
        bytesIn: sum.bytesIn + delta.bytesIn,
        bytesOut: sum.bytesOut + delta.bytesOut,
      }),
      { requests: 0, bytesIn: 0, bytesOut: 0 },
    );

  it('is served however its bytes are cut', async () => {
    const text =
      get('/1') + post('/2', 'two') + chunked('/3', 'th', 'ree') + get('/4', 'Connection: close\r\n');
    for (const size of [1, 2, 3, 7, 40, 1_000]) {
      const client = harness.client();
      client.socket.setNoDelay(true);
      for (let at = 0; at < text.length; at += size) {
        client.send(text.slice(at, at + size));
        await new Promise(setImmediate);
      }
      await client.isClosed();
      expect(answers(client.text)).toEqual(['<GET /1 >', '<POST /2 two>', '<POST /3 three>', '<GET /4 >']);
    }
  });

  it('goes on with node:http at the first request that is not plain, and no byte counts twice', async () => {
    const client = harness.client();
    const text =
      post('/1', 'abc') +
      `OPTIONS /2 HTTP/1.1\r\nHost: ${HOST}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nde` +
      get('/3') +
      post('/4', 'f');
    client.send(text);
    await until('four answers', () => answers(client.text).length === 4);
    expect(answers(client.text)).toEqual(['<POST /1 abc>', '<OPTIONS /2 de>', '<GET /3 >', '<POST /4 f>']);
    await until('the end of the last', () => harness.engine.stats().requestsInFlight === 0);
    expect(totals()).toEqual({ requests: 4, bytesIn: text.length, bytesOut: client.text.length });
    expect(harness.engine.stats().openConnections).toBe(1);
  });

  it('may send more ahead than is read at once', async () => {
    const client = harness.client();
    const count = 80;
    for (let i = 0; i < count; i++) client.send(get(`/${i}`, `X-Long: ${'x'.repeat(4_000)}\r\n`));
    await until('all answers', () => answers(client.text).length === count);
    expect(answers(client.text)).toEqual(Array.from({ length: count }, (_, i) => `<GET /${i} >`));
  });

  it('that sends nothing is closed', async () => {
    const client = harness.client();
    await client.isClosed();
    expect(client.text).toMatch(/^HTTP\/1.1 408/);
  });

  it('ends after an answer that says so, whatever was sent behind', async () => {
    const text = await harness.raw(get('/1', 'Connection: close\r\n') + get('/2'));
    expect(text).toMatch(/Connection: close/);
    expect(answers(text)).toEqual(['<GET /1 >']);
    expect(upstream.requests).toHaveLength(1);
  });

  it('loses nothing of a body that is not wanted, and goes on behind it', async () => {
    const client = harness.client();
    client.send(post('/1', 'x'.repeat(1_000)).replace(HOST, 'nobody.example.com') + get('/2'));
    await until('both answers', () => answers(client.text).length === 1);
    expect(client.text).toMatch(/^HTTP\/1.1 404[\s\S]*HTTP\/1.1 200[\s\S]*<GET \/2 >/);
  });

  it('gets a Date where the backend gives none', async () => {
    upstream.server.removeAllListeners('request');
    upstream.server.on('request', (_request, response) => {
      response.sendDate = false;
      response.end('ok');
    });
    const { headers } = await harness.call();
    expect(Math.abs(Date.parse(headers.date!) - Date.now())).toBeLessThan(5_000);
  });
});
