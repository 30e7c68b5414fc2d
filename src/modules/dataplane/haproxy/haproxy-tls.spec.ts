import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { CertificateAuthority, type IssuedCertificate } from '../../../../test/support/certificates.js';
import { describeWithHaproxy, removeTemporaryDirectories, temporaryDirectory } from '../contract/haproxy.js';
import { backendOf, type Echo, poolOf, routeOf, sliceOf, snapshotOf, Upstream } from '../contract/support.js';
import { commonName } from '../contract/tls-client.js';
import type { CertificateConfig, RouteFeatures } from '../snapshot.js';
import { HaproxyEngine } from './haproxy-engine.js';

describeWithHaproxy('the TLS door of HAProxy', () => {
  let directory: string;
  let engine: HaproxyEngine;
  let upstream: Upstream;
  let ca: CertificateAuthority;
  let version: number;

  beforeAll(async () => {
    ca = await CertificateAuthority.create();
  });
  beforeEach(async () => {
    directory = temporaryDirectory();
    version = 0;
    upstream = await Upstream.start('u');
    engine = new HaproxyEngine({ directory, host: '127.0.0.1', httpPort: 0, httpsPort: 0, pollMs: 100 });
    await engine.start();
    await use([]);
  });
  afterEach(async () => {
    await engine.stop(0);
    await upstream.kill();
  });
  afterAll(removeTemporaryDirectories);

  const use = (certificates: CertificateConfig[], features: RouteFeatures = {}): Promise<void> =>
    engine.apply(
      snapshotOf(++version, {
        ...sliceOf([poolOf([backendOf(upstream.port)])], [routeOf({}, features)]),
        certificates,
      }),
    );
  const config = (
    id: string,
    hosts: string[],
    { chain, privateKey }: IssuedCertificate,
  ): CertificateConfig => ({
    id,
    hosts,
    chain,
    privateKey,
  });
  const shown = (...names: string[]) => Promise.all(names.map((name) => commonName(engine, name)));

  it('certificates come, change, move and go without a reload, and stay through one', async () => {
    const { workerPid } = engine;
    const hosts = ['a.test', '*.wild.test'];
    await use([config('cert_a', hosts, await ca.issue(hosts, { commonName: 'a-1' }))]);
    expect(await shown('a.test', 'x.wild.test', 'b.test')).toEqual(['a-1', 'a-1', null]);
    const a2 = await ca.issue(hosts, { commonName: 'a-2' });
    const b1 = await ca.issue(['b.test'], { commonName: 'b-1' });
    await use([config('cert_a', hosts, a2), config('cert_b', ['b.test'], b1)]);
    expect(await shown('a.test', 'b.test')).toEqual(['a-2', 'b-1']);
    await use([config('cert_a', ['*.wild.test'], a2), config('cert_b', ['a.test'], b1)]);
    expect(await shown('a.test', 'x.wild.test', 'b.test')).toEqual(['b-1', 'a-2', null]);
    await use([config('cert_b', ['a.test'], b1)]);
    expect(await shown('a.test', 'x.wild.test')).toEqual(['b-1', null]);
    expect({ pid: engine.workerPid, reasons: engine.reloadReasons }).toMatchObject({ pid: workerPid });

    await use([config('cert_b', ['a.test'], b1)], { stripPrefix: true });
    expect(engine.workerPid).not.toBe(workerPid);
    expect(await shown('a.test', 'x.wild.test')).toEqual(['b-1', null]);
  });

  it('a chain that is too long for one command costs a reload, not the change', async () => {
    const { reloads } = engine;
    const made = await ca.issue(['a.test']);
    await use([config('cert_a', ['a.test'], { ...made, chain: made.leaf + made.intermediate.repeat(30) })]);
    expect(await shown('a.test')).toEqual(['a.test']);
    expect(engine.reloads).toBe(reloads + 1);
  });

  it('keys are on disk only while they are used, and only we can read them', async () => {
    const folder = join(directory, 'current', 'certificates');
    await use([config('cert_a', ['a.test'], await ca.issue(['a.test']))]);
    const made = await ca.issue(['a.test']);
    await use([config('cert_a', ['a.test'], made)]);
    const files = readdirSync(folder).map((name) => join(folder, name));
    expect(files).toHaveLength(1);
    expect(readFileSync(files[0]!, 'utf8')).toBe(made.chain + made.privateKey);
    expect(statSync(files[0]!).mode & 0o077).toBe(0);
    await use([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('HTTP/2 is spoken with clients that offer it', async () => {
    await use([config('cert_a', ['a.test'], await ca.issue(['a.test']))]);
    const session = connectHttp2(`https://127.0.0.1:${engine.health().ports.https}`, {
      servername: 'a.test',
      ca: ca.rootPem,
    });
    const echo = await new Promise<Echo>((resolve, reject) => {
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
    expect(echo).toMatchObject({ url: '/tls?x=1', method: 'POST', body: 'hello' });
    expect(echo.headers).toMatchObject({ 'x-forwarded-proto': 'https', host: 'a.test' });
  });

  it('over HTTP/2 a body without a length is refused where the route has a limit, whatever the method', async () => {
    await use([config('cert_a', ['a.test'], await ca.issue(['a.test']))], { maxBodyBytes: 10 });
    const session = connectHttp2(`https://127.0.0.1:${engine.health().ports.https}`, {
      servername: 'a.test',
      ca: ca.rootPem,
    });
    const status = (method: string, body = '', fields = {}) =>
      new Promise<number>((resolve, reject) => {
        const target = { ':path': '/', ':authority': 'a.test', ':method': method };
        const stream = session.request({ ...target, ...fields }, { endStream: body === '' });
        stream.on('response', (head) => resolve(head[':status']!));
        stream.on('error', reject);
        stream.resume();
        if (body !== '') stream.end(body);
      });
    for (const method of ['GET', 'POST', 'DELETE', 'PROPFIND']) {
      expect([method, await status(method)]).toEqual([method, 200]);
      expect([method, await status(method, 'hello')]).toEqual([method, 411]);
    }
    expect(await status('DELETE', 'hello', { 'content-length': 5 })).toBe(200);
    expect(await status('DELETE', 'hello hello', { 'content-length': 11 })).toBe(413);
    session.close();
  });

  it('private keys are not left on disk by an engine that has stopped', async () => {
    await use([config('cert_a', ['a.test'], await ca.issue(['a.test']))]);
    const written = () => readdirSync(directory, { recursive: true }).map(String);
    expect(written().filter((name) => name.endsWith('.pem'))).not.toEqual([]);
    await engine.stop(0);
    expect(written().filter((name) => name.endsWith('.pem'))).toEqual([]);
  });
});
