import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { backendConfig, deadPort, LOOPBACK, startTcp, until } from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

const pairs = (raw: readonly string[]): string[] =>
  raw.flatMap((name, i) => (i % 2 ? [] : [`${name}: ${raw[i + 1]}`]));

describe.each([
  ['on the fast path', true],
  ['by node:http', false],
])('forwarding %s', (_name, fastPath) => {
  let harness: EngineHarness;

  beforeEach(async () => {
    harness = new EngineHarness();
    await harness.start({
      fastPath,
      clientStallTimeoutMs: 300,
      bodyIdleTimeoutMs: 200,
      headersTimeoutMs: 300,
    });
  });
  afterEach(() => harness.close());

  it('passes method, target, end-to-end fields with their case, and the body', async () => {
    const upstream = await harness.upstream('one', (request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => response.end(JSON.stringify([request.method, request.url, body])));
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const headers = { 'X-CuStom': 'ä', Cookie: ['a=1', 'b=2'], 'X-Empty': '' };
    const answer = await harness.call('/p%20q?x=1&x=2', {
      method: 'PATCH',
      headers,
      body: Buffer.from('hello'),
    });
    expect(JSON.parse(answer.body)).toEqual(['PATCH', '/p%20q?x=1&x=2', 'hello']);
    const seen = pairs(upstream.requests[0].rawHeaders);
    expect(seen).toEqual(expect.arrayContaining(['X-CuStom: ä', 'X-Empty: ', 'content-length: 5']));
    expect(upstream.requests[0].headers.host).toBe(HOST);
  });

  it('drops hop-by-hop fields in both directions, and those that Connection names', async () => {
    const upstream = await harness.upstream('one', (_request, response) => {
      response.writeHead(200, {
        Connection: 'keep-alive, X-Hop',
        'X-Hop': '1',
        'X-End': '1',
        'Proxy-Authenticate': 'x',
      });
      response.end('ok');
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    client.send(
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: keep-alive, X-Secret, Host, X-Forwarded-For\r\nX-Secret: 1\r\n` +
        'Keep-Alive: timeout=9\r\nTE: trailers\r\nProxy-Authorization: x\r\nX-End: 2\r\n\r\n',
    );
    await client.receives('ok');
    expect(upstream.requests[0].headers.host).toBe(HOST);
    const seen = Object.keys(upstream.requests[0].headers);
    expect(seen).toEqual(expect.arrayContaining(['host', 'x-end', 'x-forwarded-for']));
    for (const name of ['x-secret', 'keep-alive', 'te', 'proxy-authorization'])
      expect(seen).not.toContain(name);
    expect(client.text).toContain('X-End: 1');
    expect(client.text).not.toMatch(/X-Hop|Proxy-Authenticate/);
  });

  it('says where a request came from: appends to X-Forwarded-For, replaces Proto and Host, keeps a sane request id', async () => {
    const upstream = await harness.upstream('one');
    await harness.serve([backendConfig('b1', upstream.port)]);
    const forged = {
      'X-Forwarded-For': '192.0.2.7',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil',
      'X-Request-Id': 'abc-1',
    };
    const kept = await harness.call('/', { headers: forged });
    expect(upstream.requests[0].headers).toMatchObject({
      'x-forwarded-for': '192.0.2.7, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': HOST,
      'x-request-id': 'abc-1',
    });
    expect(kept.headers['x-request-id']).toBe('abc-1');
    await harness.call('/', { headers: { 'X-Request-Id': 'no good!' } });
    expect(upstream.requests[1].headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(upstream.requests[1].headers['x-forwarded-for']).toBe('127.0.0.1');
  });

  it('keeps every Set-Cookie, the reason phrase and status of an answer', async () => {
    const upstream = await harness.upstream('one', (_request, response) => {
      response.writeHead(
        418,
        'Short and stout',
        [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
          ['Content-Length', '0'],
        ].flat(),
      );
      response.end();
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const answer = await harness.call();
    expect(answer.status).toBe(418);
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('%s with %d has no body, and the connection goes on', async (method, status) => {
    const upstream = await harness.upstream('one', (_request, response) => {
      response.writeHead(status, status === 204 ? {} : { 'Content-Length': '5' });
      response.end();
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    for (let i = 1; i <= 3; i++) {
      client.send(`${method} /${i} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      await until('the next answer', () => client.text.split('\r\n\r\n').length === i + 1);
    }
    expect(client.text.match(/HTTP\/1.1 /g)).toHaveLength(3);
    expect(upstream.connections).toBe(1);
  });

  it('keeps the connection to a backend for later requests', async () => {
    const upstream = await harness.upstream('one');
    await harness.serve([backendConfig('b1', upstream.port)]);
    for (let i = 0; i < 5; i++) expect((await harness.call()).body).toBe('one');
    expect(upstream.connections).toBe(1);
  });

  it('sends the head and the first piece of an answer on before the rest exists', async () => {
    let finish: () => void = () => undefined;
    const upstream = await harness.upstream('one', (_request, response) => {
      response.flushHeaders();
      finish = () => {
        response.write('piece');
        finish = () => response.end('end');
      };
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await client.receives('HTTP/1.1 200');
    finish();
    await client.receives('piece');
    expect(client.text).not.toContain('end');
    finish();
    await client.receives('0\r\n\r\n');
  });

  it('sends a piece that came with the head on before the rest exists', async () => {
    let finish: () => void = () => undefined;
    const upstream = await harness.upstream('one', (_request, response) => {
      response.write('piece');
      finish = () => response.end('end');
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await client.receives('piece');
    finish();
    await client.receives('end');
  });

  it("does not count a client's slowness against the backend", async () => {
    const patient = new EngineHarness();
    await patient.start({ fastPath });
    harness.onClose(() => patient.close());
    const body = Buffer.alloc(30_000_000, 'x');
    const upstream = await harness.upstream('one', (_request, response) => response.end(body));
    await patient.serve([backendConfig('b1', upstream.port)], { responseTimeoutMs: 300 });
    const client = patient.client();
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk) => {
      received += chunk.length;
    });
    client.socket.pause();
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    // Longer than the backend's time limit.
    await new Promise((resolve) => setTimeout(resolve, 700));
    client.socket.resume();
    await until(
      () => `the whole body, ${received} bytes so far`,
      () => received > body.length,
    );
  });

  it('passes a large body both ways byte for byte', async () => {
    const upstream = await harness.upstream('one', (request, response) => request.pipe(response));
    await harness.serve([backendConfig('b1', upstream.port)]);
    const body = Buffer.alloc(20_000_000, 'veloflux');
    const answer = await harness.call('/', { method: 'POST', body });
    expect(answer.body).toBe(body.toString());
  });

  it('holds a fast backend back when the client does not read, and cuts a client that never does', async () => {
    let written = 0;
    const upstream = await harness.upstream('one', (_request, response) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        for (let ok = true; ok && !response.destroyed; written += chunk.length) ok = response.write(chunk);
        response.once('drain', more);
      };
      more();
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    client.socket.pause();
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await until('the backend to have written', () => written > 0);
    await until('the cut', () => harness.engine.stats().requestsInFlight === 0);
    expect(written).toBeLessThan(64_000_000);
    expect(harness.engine.stats().backends.get('b1')?.connections).toBe(0);
  });

  it('holds a fast client back when the backend does not read', async () => {
    const tcp = await startTcp((socket) => socket.pause());
    harness.onClose(() => tcp.close());
    await harness.serve([backendConfig('b1', tcp.port)], { responseTimeoutMs: 60_000 });
    const client = harness.client();
    client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    let sent = 0;
    let blocked = false;
    while (!blocked && sent < 256_000_000) {
      sent += chunk.length;
      if (!client.socket.write(chunk)) {
        const drained = once(client.socket, 'drain').then(() => false);
        const waited = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 1_000));
        blocked = await Promise.race([drained, waited]);
      }
    }
    expect(blocked).toBe(true);
    expect(sent).toBeLessThan(64_000_000);
  });

  it('answers Expect: 100-continue when the backend begins to read, and not before a route is found', async () => {
    const upstream = await harness.upstream('one', (request, response) => request.pipe(response));
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    const head = 'Content-Length: 3\r\nExpect: 100-continue\r\n\r\n';
    client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\n${head}`);
    await client.receives('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('abc');
    await client.receives(/200 OK[\s\S]*abc/);
    expect(upstream.requests[0].headers.expect).toBeUndefined();
    const stranger = harness.client();
    stranger.send(`POST / HTTP/1.1\r\nHost: nobody.example.com\r\n${head}`);
    await stranger.receives('HTTP/1.1 404');
    expect(stranger.text).not.toContain('100 Continue');
  });

  it('answers pipelined requests in order, one at a time', async () => {
    let atOnce = 0;
    const upstream = await harness.upstream('one', (request, response) => {
      expect(++atOnce).toBe(1);
      setTimeout(() => {
        atOnce--;
        response.end(`<${request.url}>`);
      }, 5);
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    client.send([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`).join(''));
    await client.receives(/<\/1>[\s\S]*<\/2>[\s\S]*<\/3>/);
    expect(upstream.requests).toHaveLength(3);
  });

  it('serves HTTP/1.0 clients and closes', async () => {
    const upstream = await harness.upstream('one', (_request, response) => {
      response.write('chun');
      response.end('ked');
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const text = await harness.raw(`GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`);
    expect(text).toMatch(/\r\n\r\nchunked$/);
  });

  it('ignores an offer of h2c and answers in HTTP/1.1', async () => {
    const upstream = await harness.upstream('one', (request, response) => request.pipe(response));
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    const offer =
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
    client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\n${offer}Content-Length: 3\r\n\r\nabc`);
    await client.receives(/200 OK[\s\S]*abc/);
    expect(upstream.requests[0].headers).not.toHaveProperty('http2-settings');
    client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\ndef`);
    await client.receives('def');
  });

  it('closes a connection whose head comes too slowly with 408', async () => {
    await harness.serve([backendConfig('b1', await deadPort())]);
    const client = harness.client();
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n`);
    await client.isClosed();
    expect(client.text).toMatch(/^HTTP\/1.1 408/);
  });

  it.each([
    ['longer', 60_000],
    ['shorter', 50],
  ])(
    'answers 408 to a body that stalls, and a backend with a %s time limit is not blamed',
    async (_what, responseTimeoutMs) => {
      const upstream = await harness.upstream('one', (request) => request.resume());
      await harness.serve([backendConfig('b1', upstream.port)], { responseTimeoutMs });
      const client = harness.client();
      client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100000000\r\n\r\nabc`);
      await client.isClosed();
      expect(client.text).toMatch(/^HTTP\/1.1 408/);
      expect(harness.engine.stats().backends.get('b1')).toMatchObject({ connections: 0, lastError: null });
    },
  );

  it('gives a backend its whole time from when it has the request', async () => {
    const upstream = await harness.upstream('one', (request) => request.resume());
    await harness.serve([backendConfig('b1', upstream.port)], { responseTimeoutMs: 150 });
    const client = harness.client();
    client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 6\r\n\r\nabc`);
    await until('the request', () => upstream.requests.length === 1);
    client.send('def');
    await until('an answer', () => client.text.includes('\r\n\r\n'));
    expect(client.text).toMatch(/^HTTP\/1.1 504/);
    expect(harness.engine.stats().backends.get('b1')?.lastError).toBe('no answer within 150 ms');
  });

  it('frees the backend when the client goes away before the answer', async () => {
    let aborted = false;
    const upstream = await harness.upstream('one', (request) => request.on('close', () => (aborted = true)));
    await harness.serve([backendConfig('b1', upstream.port)]);
    const client = harness.client();
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await until('the request', () => upstream.requests.length === 1);
    client.socket.destroy();
    await until('the backend to notice', () => aborted);
    expect(harness.engine.stats().backends.get('b1')?.connections).toBe(0);
    expect(harness.engine.drainTelemetry().samples[0].status).toBe(499);
  });

  it('delivers an early refusal of an upload to the client', async () => {
    const upstream = await harness.upstream('one', (_request, response) => {
      response.writeHead(413, { Connection: 'close' });
      response.end('too much');
    });
    await harness.serve([backendConfig('b1', upstream.port)]);
    const outgoing = httpRequest({
      host: LOOPBACK,
      port: harness.port,
      method: 'POST',
      headers: { host: HOST },
    });
    outgoing.on('error', () => undefined);
    outgoing.write(Buffer.alloc(1_000));
    const [response] = await once(outgoing, 'response');
    expect(response.statusCode).toBe(413);
    outgoing.destroy();
  });
});
