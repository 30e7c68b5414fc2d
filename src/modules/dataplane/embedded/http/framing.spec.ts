import { backendConfig, type TestUpstream } from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

const HEAD = `Host: ${HOST}\r\n`;

/** Each must be refused before a backend sees anything, and the connection closed. */
const REFUSED: Record<string, [number, string]> = {
  'Content-Length with Transfer-Encoding': [
    400,
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  'Transfer-Encoding with Content-Length': [
    400,
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
  ],
  'Content-Length twice': [
    400,
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  ],
  'a list of lengths': [400, `POST / HTTP/1.1\r\n${HEAD}Content-Length: 3, 3\r\n\r\nabc`],
  'a signed length': [400, `POST / HTTP/1.1\r\n${HEAD}Content-Length: +3\r\n\r\nabc`],
  'a length beyond the safe integers': [
    400,
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 9007199254740993\r\n\r\nabc`,
  ],
  'a space before the colon': [400, `POST / HTTP/1.1\r\n${HEAD}Content-Length : 3\r\n\r\nabc`],
  'a coding other than chunked': [
    400,
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ],
  'chunked that is not last': [
    400,
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
  ],
  'an unknown coding': [400, `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  'identity coding': [400, `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: identity\r\n\r\n`],
  'Transfer-Encoding twice': [
    400,
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  'chunked in HTTP/1.0': [400, `POST / HTTP/1.0\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  'two Hosts': [400, `GET / HTTP/1.1\r\n${HEAD}Host: other.example.com\r\n\r\n`],
  'two equal Hosts': [400, `GET / HTTP/1.1\r\n${HEAD}${HEAD}\r\n`],
  'no Host': [400, 'GET / HTTP/1.1\r\n\r\n'],
  'no Host in HTTP/1.0': [400, 'GET / HTTP/1.0\r\n\r\n'],
  'a Host that is none': [400, 'GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n'],
  'a target that names another host': [400, `GET http://other.example.com/ HTTP/1.1\r\n${HEAD}\r\n`],
  'a target with user information': [400, `GET http://u@${HOST}/ HTTP/1.1\r\n${HEAD}\r\n`],
  'a target that is no path': [400, `OPTIONS * HTTP/1.1\r\n${HEAD}\r\n`],
  'a fragment': [400, `GET /a#b HTTP/1.1\r\n${HEAD}\r\n`],
  'a folded line': [400, `GET / HTTP/1.1\r\n${HEAD}X-A: a\r\n b\r\n\r\n`],
  'a folded length': [400, `POST / HTTP/1.1\r\n${HEAD}Content-Length:\r\n 3\r\n\r\nabc`],
  'a bare CR in a value': [400, `GET / HTTP/1.1\r\n${HEAD}X-A: a\rb\r\n\r\n`],
  'a bare CR before CRLF': [400, `GET / HTTP/1.1\r\n${HEAD}X-A: a\r\r\n\r\n`],
  'a bare LF': [400, `GET / HTTP/1.1\r\n${HEAD}X-A: a\nX-B: b\r\n\r\n`],
  'a NUL': [400, `GET / HTTP/1.1\r\n${HEAD}X-A: a\0b\r\n\r\n`],
  'an empty name': [400, `GET / HTTP/1.1\r\n${HEAD}: b\r\n\r\n`],
  'a control character in the target': [400, `GET /a\x01 HTTP/1.1\r\n${HEAD}\r\n`],
  'a space in the target': [400, `GET /a b HTTP/1.1\r\n${HEAD}\r\n`],
  'another protocol version': [505, `GET / HTTP/2.0\r\n${HEAD}\r\n`],
  'HTTP/0.9': [505, 'GET /\r\n\r\n'],
  CONNECT: [405, `CONNECT ${HOST}:443 HTTP/1.1\r\n${HEAD}\r\n`],
  'a head that is too large': [431, `GET / HTTP/1.1\r\n${HEAD}X-A: ${'a'.repeat(17_000)}\r\n\r\n`],
  'more than 100 fields': [431, `GET / HTTP/1.1\r\n${HEAD}${'X-A: a\r\n'.repeat(100)}\r\n`],
};

describe.each([
  ['on the fast path', true],
  ['by node:http', false],
])('ambiguous or oversized requests %s', (_name, fastPath) => {
  const harness = new EngineHarness();
  let upstream: TestUpstream;

  beforeAll(async () => {
    await harness.start({ fastPath });
    upstream = await harness.upstream('one');
    await harness.serve([backendConfig('b1', upstream.port)]);
  });
  afterAll(() => harness.close());

  it.each(Object.entries(REFUSED))('%s: refused, closed, never forwarded', async (_name, [status, text]) => {
    const answer = await harness.raw(`${text}GET /smuggled HTTP/1.1\r\n${HEAD}\r\n`);
    expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(answer.match(/^HTTP\/1\.1 \d/gm)).toHaveLength(1);
    expect(answer).toMatch(/Connection: close/i);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({ error: true });
    expect(upstream.requests).toHaveLength(0);
  });

  it('a chunk size that is none ends the exchange and never completes at the backend', async () => {
    const client = harness.client();
    client.send(`POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`);
    await client.isClosed();
    expect(upstream.requests.filter((request) => request.complete)).toHaveLength(0);
  });

  it('100 fields, an absolute target for the same host and chunk extensions are fine', async () => {
    const client = harness.client();
    client.send(`GET http://${HOST}/abs?x HTTP/1.1\r\n${HEAD}${'X-A: a\r\n'.repeat(99)}\r\n`);
    await client.receives('one');
    expect(upstream.requests.at(-1)?.url).toBe('/abs?x');
    client.send(`POST /ext HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n`);
    await client.receives(/one[\s\S]*one/);
    expect(upstream.requests.at(-1)?.url).toBe('/ext');
  });
});
