import { createHash } from 'node:crypto';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { SnapshotRefused } from '../engine.js';
import type { Algorithm } from '../snapshot.js';
import type { EngineUnderTest } from './engine-under-test.js';
import {
  backendOf,
  burst,
  get,
  Load,
  poolOf,
  raw,
  routeOf,
  sliceOf,
  snapshotOf,
  tally,
  until,
} from './support.js';

export function describeVersions(t: EngineUnderTest): void {
  describe('versions', () => {
    it('every host is unknown before the first snapshot', async () => {
      const { status, body } = await get(t.engine);
      expect(status).toBe(404);
      expect(JSON.parse(body)).toMatchObject({ error: true });
      expect(t.engine.health()).toMatchObject({ running: true, version: 0, lastError: null });
    });

    it('a snapshot that is applied before the start is served from the start', async () => {
      const [a] = await t.ups('a');
      const early = await t.make();
      await early.apply(snapshotOf(3, sliceOf([poolOf([backendOf(a.port)])], [routeOf()])));
      await early.start();
      expect((await get(early)).echo.name).toBe('a');
      expect(early.health()).toMatchObject({ running: true, version: 3 });
    });

    it('an apply that resolved is what new connections get', async () => {
      const [a, b] = await t.ups('a', 'b');
      await t.usePool([a]);
      expect((await get(t.engine)).echo.name).toBe('a');
      await t.usePool([b]);
      expect(tally(await burst(t.engine, 20))).toEqual({ b: 20 });
      expect(t.engine.health().version).toBe(2);
    });

    it('a snapshot that is not newer changes nothing', async () => {
      const [a, b] = await t.ups('a', 'b');
      t.version = 4;
      await t.usePool([a]);
      await t.engine.apply(snapshotOf(3, sliceOf([poolOf([backendOf(b.port)])], [routeOf()])));
      expect((await get(t.engine)).echo.name).toBe('a');
      expect(t.engine.health().version).toBe(5);
    });

    it('a snapshot that cannot run is refused and the last good one carries on', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      const broken = t.use([], [routeOf({ targets: [{ poolId: 'pool_nowhere', weight: 100 }] })]);
      await expect(broken).rejects.toThrow(SnapshotRefused);
      await expect(broken).rejects.toMatchObject({ tenantId: 'tenant_a' });
      expect((await get(t.engine)).echo.name).toBe('a');
      expect(t.engine.health()).toMatchObject({ running: true, version: 1 });
      expect(t.engine.health().lastError).toContain('pool_nowhere');
      await t.usePool([a]);
      expect(t.engine.health()).toMatchObject({ version: 3, lastError: null });
    });

    it('what a snapshot no longer has is gone', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      await t.use([], []);
      expect((await get(t.engine)).status).toBe(404);
    });

    it('changes under load cost no request', async () => {
      const servers = await t.ups('a', 'b', 'c');
      await t.usePool(servers);
      const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
      const load = new Load(t.engine, 4, (client) => (client < 2 ? { agent: agents[client] } : {}));
      const algorithms: Algorithm[] = ['least_connections', 'round_robin', 'random', 'ip_hash'];
      for (let i = 0; i < 16; i++) {
        const backends = servers
          .filter((_, index) => index !== i % 3)
          .map(({ port }) => backendOf(port, { weight: 1 + i }));
        const routes = [routeOf({}, i % 5 === 4 ? { responseHeaders: { set: { 'x-i': String(i) } } } : {})];
        await t.use([poolOf(backends, { algorithm: algorithms[Math.floor(i / 4)] })], routes);
      }
      const { served } = load;
      await until('traffic after the last change', () => load.served > served + 20);
      await load.stop();
      for (const agent of agents) agent.destroy();
      expect(load.failures).toEqual([]);
    });
  });
}

export function describeForwarding(t: EngineUnderTest): void {
  describe('forwarding', () => {
    it('method, target, body and end-to-end fields arrive unchanged', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      const { echo, status } = await get(t.engine, '/x%20y/z?q=1&q=2', {
        method: 'PUT',
        body: 'grüße',
        headers: { 'x-own': 'a, b', 'content-type': 'text/plain' },
      });
      expect(status).toBe(200);
      expect(echo).toMatchObject({ method: 'PUT', url: '/x%20y/z?q=1&q=2', body: 'grüße' });
      expect(echo.headers).toMatchObject({ 'x-own': 'a, b', host: 'a.test', 'content-type': 'text/plain' });
    });

    it('the backend learns who asked, and the client cannot forge it', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      const { echo, headers } = await get(t.engine, '/', {
        from: '127.0.0.7',
        headers: {
          'x-forwarded-for': '6.6.6.6',
          'x-forwarded-proto': 'gopher',
          'x-forwarded-host': 'evil.test',
          'x-request-id': 'client-id_1',
        },
      });
      expect(echo.headers['x-forwarded-for']).toMatch(/127\.0\.0\.7$/);
      expect(echo.headers).toMatchObject({
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'a.test',
        'x-request-id': 'client-id_1',
      });
      expect(headers['x-request-id']).toBe('client-id_1');
      const fresh = await get(t.engine, '/', { headers: { 'x-request-id': 'a"b' } });
      expect(fresh.echo.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('fields of one connection stay on it', async () => {
      const upstream = await t.up('a', (_request, response) => {
        response.setHeader('keep-alive', 'timeout=77');
        response.setHeader('proxy-authenticate', 'Basic');
        response.end(JSON.stringify(_request.headers));
      });
      await t.usePool([upstream]);
      const { body, headers } = await get(t.engine, '/', {
        headers: {
          te: 'trailers',
          'keep-alive': 'timeout=5',
          'proxy-authorization': 'Basic eA==',
          'proxy-connection': 'x',
        },
      });
      const seen = Object.keys(JSON.parse(body) as object);
      for (const field of ['te', 'keep-alive', 'proxy-authorization', 'proxy-connection'])
        expect(seen).not.toContain(field);
      expect(headers['proxy-authenticate']).toBeUndefined();
      expect(headers['keep-alive'] ?? '').not.toContain('77');
    });

    it('an answer streams: its beginning arrives before its end is written', async () => {
      let finish = (): void => {};
      const upstream = await t.up('a', (_request, response) => {
        response.write('begin');
        finish = () => response.end('end');
      });
      await t.usePool([upstream]);
      const socket = connect(t.engine.health().ports.http!, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await until('the beginning', () => text.includes('begin'));
      expect(text).not.toContain('end\r\n');
      finish();
      await until('the end', () => text.includes('end'));
      socket.destroy();
    });

    it('a large body passes in both directions', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      const body = 'x'.repeat(3_000_000);
      expect((await get(t.engine, '/', { method: 'POST', body })).echo.body).toHaveLength(body.length);
    });

    it('a WebSocket upgrade is forwarded and bytes flow both ways', async () => {
      const upstream = await t.up('a');
      upstream.server.on('upgrade', (request, socket) => {
        // RFC 6455 §4.2.2.
        const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
        const accept = createHash('sha1').update(key).digest('base64');
        const head = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'];
        socket.write(`${head.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        socket.pipe(socket);
      });
      await t.usePool([upstream]);
      const socket = connect(t.engine.health().ports.http!, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.write(
        'GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      await until('the upgrade', () => text.includes('101'));
      socket.write('ping-1');
      await until('the echo', () => text.includes('ping-1'));
      socket.destroy();
    });

    it.each([
      [
        'two lengths',
        'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
      ],
      [
        'a length and chunked',
        'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      ['two different hosts', 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n'],
      ['no host', 'GET / HTTP/1.1\r\n\r\n'],
      [
        'a coding that is unknown',
        'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      ],
      ['a folded field', 'GET / HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\n c\r\n\r\n'],
      ['a space before the colon', 'GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length : 5\r\n\r\nhello'],
      ['a NUL', 'GET / HTTP/1.1\r\nHost: a.test\r\nX-A: b\0c\r\n\r\n'],
      ['a negative length', 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: -1\r\n\r\n'],
      [
        'a bad chunk size',
        'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n',
      ],
    ])('%s: no backend takes part in it', async (what, bytes) => {
      const complete: string[] = [];
      const upstream = await t.up('a', (request, response) => {
        request.on('data', () => {});
        request.on('end', () => {
          complete.push(JSON.stringify(request.headers));
          response.end('ok');
        });
        request.on('error', () => {});
      });
      await t.usePool([upstream]);
      const answer = await raw(t.engine, bytes);
      if (what === 'a folded field' || what === 'a length and chunked') {
        // May be repaired instead of refused (RFC 9112 §5.2, §6.3), but never forwarded as it came.
        for (const headers of complete)
          expect(headers).not.toMatch(
            /content-length.*transfer-encoding|transfer-encoding.*content-length|\\r|\\n/,
          );
        return;
      }
      expect(answer).toMatch(/^(HTTP\/1\.1 (400|501|502)|$)/);
      expect(complete).toEqual([]);
    });

    it('a head that does not end is cut off', async () => {
      const [a] = await t.ups('a');
      await t.usePool([a]);
      const answer = await raw(
        t.engine,
        `GET / HTTP/1.1\r\nHost: a.test\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`,
      );
      expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d|$)/);
      expect(a.requests).toEqual([]);
    });
  });
}
