import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { describeWithHaproxy, removeTemporaryDirectories, temporaryDirectory } from '../contract/haproxy.js';
import {
  backendOf,
  type Echo,
  get,
  poolOf,
  routeOf,
  sliceOf,
  snapshotOf,
  Upstream,
} from '../contract/support.js';
import { HaproxyEngine } from './haproxy-engine.js';
import type { CertificateFile } from './model.js';

describeWithHaproxy('the TLS door', () => {
  let directory: string;
  let engine: HaproxyEngine;
  let upstream: Upstream;

  beforeEach(async () => {
    directory = temporaryDirectory();
    upstream = await Upstream.start('u');
    engine = new HaproxyEngine({ directory, host: '127.0.0.1', httpPort: 0, httpsPort: 0, pollMs: 100 });
    await engine.start();
    await use(1);
  });
  afterEach(async () => {
    await engine.stop(0);
    await upstream.kill();
  });
  afterAll(removeTemporaryDirectories);

  const use = (version: number, responseTimeoutMs = 1000): Promise<void> =>
    engine.apply(
      snapshotOf(
        version,
        sliceOf(
          [poolOf([backendOf(upstream.port)], { responseTimeoutMs })],
          [routeOf(), routeOf({ id: 'route_tls', pathPrefix: '/tls', sslEnabled: true })],
        ),
      ),
    );

  /** A self-signed certificate with its key. */
  function certificate(name: string, hosts: string[], revision: string): CertificateFile {
    const pemPath = join(directory, `${name}.pem`);
    const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
    const names = hosts.map((host) => `DNS:${host}`).join(',');
    const args = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync(
      'openssl',
      [
        ...args,
        '-subj',
        `/CN=${name}-${revision}`,
        '-addext',
        `subjectAltName=${names}`,
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
    writeFileSync(pemPath, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
    return { hosts, pemPath, revision };
  }

  /** Common name of the certificate that a client with this SNI gets, or why it gets none. */
  function commonName(servername: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect({
        host: '127.0.0.1',
        port: engine.health().ports.https!,
        servername,
        rejectUnauthorized: false,
      });
      socket.on('secureConnect', () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', () => resolve('refused'));
    });
  }

  it('certificates come, change and go at run time, and stay through a reload', async () => {
    expect(await commonName('a.test')).toBe('refused');
    const { workerPid } = engine;
    const hosts = ['a.test', '*.wild.test'];
    await engine.setCertificates([certificate('a', hosts, '1')]);
    expect(await commonName('a.test')).toBe('a-1');
    expect(await commonName('x.wild.test')).toBe('a-1');
    expect(await commonName('b.test')).toBe('refused');

    await engine.setCertificates([certificate('a', hosts, '2'), certificate('b', ['b.test'], '1')]);
    expect([await commonName('a.test'), await commonName('b.test')]).toEqual(['a-2', 'b-1']);
    await engine.setCertificates([certificate('b', ['b.test'], '2')]);
    expect([await commonName('a.test'), await commonName('b.test')]).toEqual(['refused', 'b-2']);
    expect(engine.workerPid).toBe(workerPid);

    await use(2, 1500);
    expect(engine.workerPid).not.toBe(workerPid);
    expect([await commonName('a.test'), await commonName('b.test')]).toEqual(['refused', 'b-2']);
  });

  it('requests over TLS reach the backend and say so, in HTTP/1.1 and HTTP/2', async () => {
    await engine.setCertificates([certificate('a', ['a.test'], '1')]);
    const port = engine.health().ports.https!;
    const overHttp1 = await new Promise<Echo>((resolve, reject) => {
      request(
        {
          host: '127.0.0.1',
          port,
          path: '/tls/x',
          servername: 'a.test',
          headers: { host: 'a.test' },
          rejectUnauthorized: false,
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          response.on('end', () => resolve(JSON.parse(text) as Echo));
        },
      )
        .on('error', reject)
        .end();
    });
    expect(overHttp1.headers).toMatchObject({ 'x-forwarded-proto': 'https', host: 'a.test' });

    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      servername: 'a.test',
      rejectUnauthorized: false,
    });
    const overHttp2 = await new Promise<Echo>((resolve, reject) => {
      const stream = session.request({ ':path': '/tls?x=1', ':authority': 'a.test', ':method': 'POST' });
      let text = '';
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        text += chunk;
      });
      stream.on('end', () => resolve(JSON.parse(text) as Echo));
      stream.on('error', reject);
      stream.end('hello');
    });
    session.close();
    expect(overHttp2).toMatchObject({ url: '/tls?x=1', method: 'POST', body: 'hello' });
    expect(overHttp2.headers).toMatchObject({ 'x-forwarded-proto': 'https', host: 'a.test' });
  });

  it('a route for TLS only sends clients there, with path and query', async () => {
    const answer = await get(engine, '/tls/x?y=1', { headers: { host: 'A.test:80' } });
    expect(answer.status).toBe(308);
    expect(answer.headers.location).toBe(`https://a.test:${engine.health().ports.https}/tls/x?y=1`);
    expect((await get(engine, '/')).status).toBe(200);
  });
});
