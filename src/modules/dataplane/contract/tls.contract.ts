import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import {
  CertificateAuthority,
  type CertificateOptions,
  type IssuedCertificate,
} from '../../../../test/support/certificates.js';
import { SnapshotRefused } from '../engine.js';
import { selfSigned } from '../self-signed.js';
import type { CertificateConfig, RouteConfig, TenantSlice } from '../snapshot.js';
import { CHALLENGE_PATH } from '../tls.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, get, poolOf, routeOf, sliceOf, snapshotOf, type Upstream, until } from './support.js';
import { commonName, getTls, handshake } from './tls-client.js';

/** The TLS door: which certificate a client gets, what its requests look like, and who is sent there. */
export function describeTls(t: EngineUnderTest): void {
  describe('TLS', () => {
    let ca: CertificateAuthority;
    let upstream: Upstream;

    beforeAll(async () => {
      ca = await CertificateAuthority.create();
    });
    beforeEach(async () => {
      upstream = await t.up('u');
    });

    const configOf = ({ chain, privateKey }: IssuedCertificate, hosts: string[], id = 'cert_a') =>
      ({ id, hosts, chain, privateKey }) satisfies CertificateConfig;

    /** A certificate for these names, called after the first one unless it has another name. */
    const certificate = async (hosts: string[], options: CertificateOptions & { id?: string } = {}) =>
      configOf(await ca.issue(hosts, options), hosts, options.id ?? `cert_${hosts[0]}`);

    const sliceWith = (
      certificates: CertificateConfig[],
      routes: RouteConfig[] = [routeOf()],
      more: Partial<TenantSlice> = {},
    ): TenantSlice => ({ ...sliceOf([poolOf([backendOf(upstream.port)])], routes), certificates, ...more });

    const use = (...slice: Parameters<typeof sliceWith>): Promise<void> =>
      t.engine.apply(snapshotOf(++t.version, sliceWith(...slice)));

    it('requests reach the backend and say that they came over TLS; the chain is complete', async () => {
      await use([await certificate(['a.test'])]);
      const answer = await getTls(t.engine, '/x?y=1', { root: ca.rootPem, method: 'POST', body: 'hello' });
      expect(answer.echo).toMatchObject({ url: '/x?y=1', method: 'POST', body: 'hello' });
      expect(answer.echo.headers).toMatchObject({ 'x-forwarded-proto': 'https', host: 'a.test' });
      expect((await get(t.engine)).echo.headers['x-forwarded-proto']).toBe('http');
    });

    it('an RSA key serves as well as one on an elliptic curve', async () => {
      await use([await certificate(['a.test'], { rsaBits: 2048 })]);
      expect((await getTls(t.engine, '/', { root: ca.rootPem })).status).toBe(200);
    });

    it('the exact name comes before a wildcard, which stands for one label', async () => {
      await use([await certificate(['*.w.test'], { commonName: 'wild' }), await certificate(['x.w.test'])]);
      const shown = ['X.w.test', 'y.w.test', 'w.test', 'a.b.w.test'].map((name) =>
        commonName(t.engine, name),
      );
      expect(await Promise.all(shown)).toEqual(['x.w.test', 'wild', null, null]);
    });

    it('without a default, clients that name no host or an unknown one are turned away', async () => {
      await use([await certificate(['a.test'])]);
      expect(await commonName(t.engine, 'b.test')).toBeNull();
      expect(await commonName(t.engine, '')).toBeNull();
      expect(await commonName(t.engine, 'a.test')).toBe('a.test');
    });

    it('with a default, they get that one, also before there is any other', async () => {
      const made = await ca.issue(['default.test']);
      const engine = await t.make({ defaultCertificate: made });
      await engine.start();
      expect(await commonName(engine, 'b.test')).toBe('default.test');
      await engine.apply(snapshotOf(1, sliceWith([await certificate(['a.test'])])));
      const shown = ['', 'b.test', 'a.test'].map((name) => commonName(engine, name));
      expect(await Promise.all(shown)).toEqual(['default.test', 'default.test', 'a.test']);
      await engine.apply(snapshotOf(2, sliceWith([])));
      expect(await commonName(engine, 'a.test')).toBe('default.test');
    });

    it('the default of this program stands in no other’s place, whatever their keys', async () => {
      const engine = await t.make({ defaultCertificate: await selfSigned(['default.test']) });
      await engine.start();
      const certificates = [await certificate(['a.test'], { rsaBits: 2048 }), await certificate(['b.test'])];
      await engine.apply(snapshotOf(1, sliceWith(certificates)));
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const shown = ['a.test', 'b.test', 'c.test', ''].map(
          async (name) => (await handshake(engine, name, { versions: [version, version] }))?.commonName,
        );
        expect(await Promise.all(shown)).toEqual(['a.test', 'b.test', 'default.test', 'default.test']);
      }
    });

    it('TLS 1.2 and 1.3 are spoken, older ones are not', async () => {
      await use([await certificate(['a.test'])]);
      const speak = async (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
        (await handshake(t.engine, 'a.test', { versions: [version, version] }))?.protocol ?? null;
      expect([await speak('TLSv1.1'), await speak('TLSv1.2'), await speak('TLSv1.3')]).toEqual([
        null,
        'TLSv1.2',
        'TLSv1.3',
      ]);
    });

    it('the cookie of a sticky session stays on TLS', async () => {
      const pool = poolOf([backendOf(upstream.port)], { stickySessions: true });
      await use([await certificate(['a.test'])], [routeOf()], { pools: [pool] });
      const { headers } = await getTls(t.engine, '/', { root: ca.rootPem });
      expect(headers['set-cookie']?.[0]).toMatch(/^VFSRV-.*; Secure$/);
      expect((await get(t.engine)).headers['set-cookie']?.[0]).not.toMatch(/secure/i);
    });

    it('HTTP/1.1 is offered', async () => {
      await use([await certificate(['a.test'])]);
      expect((await handshake(t.engine, 'a.test', { protocols: ['http/1.1'] }))?.application).toBe(
        'http/1.1',
      );
    });

    it('certificates come, are replaced and go while requests run, and none of those fails', async () => {
      const serial = async (name: string) => (await handshake(t.engine, name))?.certificate.serialNumber;
      await use([await certificate(['a.test'])]);
      const failures: string[] = [];
      let served = 0;
      let running = true;
      const clients = Array.from({ length: 4 }, async () => {
        while (running) {
          await getTls(t.engine, '/', { root: ca.rootPem }).then(
            ({ status }) => (status === 200 ? served++ : failures.push(String(status))),
            (error: Error) => failures.push(error.message),
          );
        }
      });
      const seen = new Set<string | undefined>();
      for (let i = 0; i < 8; i++) {
        const others = i % 2 ? [await certificate([`b${i}.test`], { id: 'cert_b' })] : [];
        await use([await certificate(['a.test']), ...others]);
        seen.add(await serial('a.test'));
        if (others.length) expect(await commonName(t.engine, `b${i}.test`)).toBe(`b${i}.test`);
      }
      const before = served;
      await until('requests with the last one', () => served > before + 10);
      running = false;
      await Promise.all(clients);
      expect(failures).toEqual([]);
      expect(seen.size).toBe(8);
      expect(await commonName(t.engine, 'b7.test')).toBe('b7.test');
      await use([]);
      expect(await commonName(t.engine, 'a.test')).toBeNull();
    });

    it('the names of a certificate may change, and move from one to another', async () => {
      const [both, other] = [
        await ca.issue(['a.test', 'b.test'], { commonName: 'both' }),
        await ca.issue(['b.test']),
      ];
      await use([configOf(both, ['a.test', 'b.test'])]);
      expect(await commonName(t.engine, 'b.test')).toBe('both');
      await use([configOf(both, ['a.test']), configOf(other, ['b.test'], 'cert_b')]);
      expect([await commonName(t.engine, 'a.test'), await commonName(t.engine, 'b.test')]).toEqual([
        'both',
        'b.test',
      ]);
    });

    it('one whose key is another one’s is refused, and the last good ones go on', async () => {
      await use([await certificate(['a.test'])]);
      const [one, two] = [await ca.issue(['a.test'], { commonName: 'bad' }), await ca.issue(['a.test'])];
      const bad = configOf({ ...one, privateKey: two.privateKey }, ['a.test']);
      await expect(use([bad])).rejects.toThrow(SnapshotRefused);
      expect(await commonName(t.engine, 'a.test')).toBe('a.test');
      await use([await certificate(['a.test'], { commonName: 'good' })]);
      expect(await commonName(t.engine, 'a.test')).toBe('good');
    });

    it('a name belongs to one tenant', async () => {
      const slices = ['tenant_a', 'tenant_b'].map((tenantId, i) => ({
        ...sliceOf([], [], tenantId),
        certificates: [] as CertificateConfig[],
        id: i,
      }));
      for (const slice of slices)
        slice.certificates.push(await certificate(['a.test'], { id: `cert_${slice.id}` }));
      await expect(t.engine.apply(snapshotOf(++t.version, ...slices))).rejects.toThrow('a.test');
    });

    it('WebSocket connections go through', async () => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      await once(server, 'listening');
      server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
      const { port } = server.address() as { port: number };
      await t.engine.apply(
        snapshotOf(++t.version, {
          ...sliceOf([poolOf([backendOf(port)])], [routeOf()]),
          certificates: [await certificate(['a.test'])],
        }),
      );
      const client = new WebSocket(`wss://127.0.0.1:${t.engine.health().ports.https}/`, {
        ...{ servername: 'a.test' },
        headers: { host: 'a.test' },
        ca: ca.rootPem,
      });
      await once(client, 'open');
      client.send('hello');
      expect(String((await once(client, 'message'))[0])).toBe('echo hello');
      client.terminate();
      server.close();
    });

    it('what is no TLS ends the connection, and others do not notice', async () => {
      await use([await certificate(['a.test'])]);
      const socket = connect(t.engine.health().ports.https!, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
      expect((await getTls(t.engine)).status).toBe(200);
    });

    it('a client that never finishes its handshake does not hold up the end', async () => {
      await use([await certificate(['a.test'])]);
      const socket = connect(t.engine.health().ports.https!, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      const closed = once(socket, 'close');
      await t.engine.stop(0);
      await closed;
    });

    describe('a route for TLS only', () => {
      const secure = routeOf({ sslEnabled: true });

      it('sends requests over HTTP to the same place over HTTPS, with their method', async () => {
        await use([await certificate(['a.test'])], [secure]);
        for (const method of ['GET', 'POST']) {
          const answer = await get(t.engine, '/x/y?z=1', { method, headers: { host: 'A.test:80' } });
          expect(answer.status).toBe(308);
          expect(answer.headers.location).toBe(`https://a.test:${t.engine.health().ports.https}/x/y?z=1`);
        }
        expect(upstream.requests).toEqual([]);
        expect((await getTls(t.engine, '/x/y?z=1')).echo.url).toBe('/x/y?z=1');
      });

      it('comes before the rules of the route', async () => {
        const maintained = routeOf(
          { sslEnabled: true },
          { maintenance: { status: 503, body: 'later', contentType: 'text/plain' } },
        );
        await use([await certificate(['a.test'])], [maintained]);
        expect((await get(t.engine)).status).toBe(308);
        expect((await getTls(t.engine)).status).toBe(503);
      });

      it('leaves challenges of certificate authorities where they are', async () => {
        await use([], [secure]);
        const answer = await get(t.engine, `${CHALLENGE_PATH}somebody-elses`);
        expect(answer.echo.url).toBe(`${CHALLENGE_PATH}somebody-elses`);
      });
    });

    describe('challenges of certificate authorities', () => {
      const challenge = { host: 'a.test', token: 'tok_en-1', keyAuthorization: 'tok_en-1.thumb_print' };
      const at = `${CHALLENGE_PATH}tok_en-1`;

      it('are answered, also where no route would, and on a route for TLS only', async () => {
        for (const route of [routeOf({ pathPrefix: '/api' }), routeOf({ sslEnabled: true })]) {
          await use([], [route], { challenges: [challenge] });
          const answer = await get(t.engine, at, { headers: { host: 'A.test:80' } });
          expect([answer.status, answer.body]).toEqual([200, 'tok_en-1.thumb_print']);
          expect(answer.headers['content-type']).toMatch(/^text\/plain/);
          expect((await get(t.engine, at, { method: 'HEAD' })).status).toBe(200);
        }
        expect(upstream.requests).toEqual([]);
      });

      it('only for their host and token, and only until they are over', async () => {
        const routes = [routeOf(), routeOf({ id: 'route_b', host: 'b.test' })];
        await use([], routes, { challenges: [challenge] });
        expect((await get(t.engine, at, { host: 'b.test' })).echo.url).toBe(at);
        expect((await get(t.engine, `${at}x`)).echo.url).toBe(`${at}x`);
        expect((await get(t.engine, at, { method: 'POST' })).echo.method).toBe('POST');
        expect((await get(t.engine, at, { host: 'c.test' })).status).toBe(404);
        await use([], routes);
        expect((await get(t.engine, at)).echo.url).toBe(at);
      });
    });
  });
}
