import { request } from 'node:http';
import { startServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

describe('what /metrics says of the API', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 60_000);
  afterAll(() => server.stop());

  /** Bytes of the body as they came, undecoded. */
  const receive = (path: string, encoding: string) =>
    new Promise<number>((done, fail) => {
      let bytes = 0;
      const headers = { 'accept-encoding': encoding };
      request(server.api + path, { headers }, (answer) => {
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        answer.on('end', () => done(bytes));
      })
        .on('error', fail)
        .end();
    });
  const sizeOf = async (route: string) => {
    const text = await (await fetch(`${server.api}/metrics`)).text();
    const value = (name: string) =>
      Number(
        new RegExp(`^http_response_size_bytes_${name}\\{[^}]*route="${route}"[^}]*\\} (\\S+)$`, 'm').exec(
          text,
        )?.[1],
      );
    return { sum: value('sum'), count: value('count') };
  };

  it('counts the bytes of a compressed answer as of any other', async () => {
    const plain = await receive('/api/docs-json', 'identity');
    const compressed = await receive('/api/docs-json', 'gzip');
    expect(compressed).toBeLessThan(plain / 2);
    await until('both answers to be counted', async () => (await sizeOf('/api/docs-json')).count === 2);
    expect((await sizeOf('/api/docs-json')).sum).toBe(plain + compressed);
  });
});
