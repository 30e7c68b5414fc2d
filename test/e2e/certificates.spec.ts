import { request } from 'node:https';
import { connect } from 'node:tls';
import { haproxyIsInstalled } from '../../src/modules/dataplane/contract/haproxy.js';
import { Upstream } from '../../src/modules/dataplane/contract/support.js';
import { AcmeServer } from '../support/acme-server.js';
import { CertificateAuthority } from '../support/certificates.js';
import { newTenant, type SignedInTenant, startServer, type TestServer, unique } from '../support/server.js';
import { until } from '../support/until.js';

const engines = haproxyIsInstalled() ? ['embedded', 'haproxy'] : ['embedded'];

describe.each(engines)('certificates with DATA_PLANE=%s', (engine) => {
  let server: TestServer;
  let acme: AcmeServer;
  let ca: CertificateAuthority;
  let upstream: Upstream;
  let owner: SignedInTenant;

  beforeAll(async () => {
    [acme, ca, upstream] = await Promise.all([
      AcmeServer.start(),
      CertificateAuthority.create(),
      Upstream.start('u'),
    ]);
    server = await startServer({
      env: { DATA_PLANE: engine, ACME_DIRECTORY_URL: acme.directory, ACME_EMAIL: 'ops@example.com' },
    });
    acme.validateAt = [server.proxy];
    owner = await newTenant(server, 'enterprise');
    const api = server.client(owner.token);
    await api.POST('/api/pools', { body: { name: 'web', algorithm: 'round_robin' } });
    await api.POST('/api/backends', { body: { address: `127.0.0.1:${upstream.port}`, pool: 'web' } });
  }, 90_000);
  afterAll(async () => {
    await server?.stop();
    await Promise.all([acme?.stop(), upstream?.kill()]);
  });

  const newHost = async (): Promise<string> => {
    const host = `${unique('h')}.example`;
    await server.client(owner.token).POST('/api/routes', {
      body: { host, pool: 'web', ssl_enabled: true },
      params: { query: { wait: 'applied' } },
    });
    return host;
  };
  const upload = async (host: string) => {
    const { chain, privateKey } = await ca.issue([host]);
    const { data, error } = await server.client(owner.token).POST('/api/certificates', {
      body: { certificate: chain, private_key: privateKey },
      params: { query: { wait: 'applied' } },
    });
    if (!data) throw new Error(error?.message);
    return data;
  };
  const read = async (id: string) =>
    (await server.client(owner.token).GET('/api/certificates/{id}', { params: { path: { id } } })).data!;
  const order = async (host: string) =>
    (await server.client(owner.token).POST('/api/certificates', { body: { acme: true, hosts: [host] } }))
      .data!;

  /** Status of a request over TLS by a client that trusts `root` only; else why there was none. */
  const status = (host: string, root: string): Promise<number | string> =>
    new Promise((resolve) => {
      const options = {
        host: '127.0.0.1',
        port: server.proxyTlsPort,
        servername: host,
        headers: { host },
        ca: root,
        agent: false,
      };
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode!);
      })
        .on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message))
        .end();
    });
  const subject = (host: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port: server.proxyTlsPort,
        servername: host,
        rejectUnauthorized: false,
      });
      socket.on('secureConnect', () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });

  it('an uploaded one is in use when the answer is there; before, and afterwards, the self-signed one is', async () => {
    const host = await newHost();
    expect(await subject(host)).toBe('localhost');
    const row = await upload(host);
    expect(await status(host, ca.rootPem)).toBe(200);
    expect(row).toMatchObject({ hosts: [host], status: 'active', source: 'upload' });
    expect(JSON.stringify([row, await read(row.id)])).not.toContain('PRIVATE KEY');
    const params = { path: { id: row.id }, query: { wait: 'applied' as const } };
    const next = await CertificateAuthority.create('Next');
    const pair = await next.issue([host]);
    await server.client(owner.token).PUT('/api/certificates/{id}', {
      params,
      body: { certificate: pair.chain, private_key: pair.privateKey },
    });
    expect(await status(host, next.rootPem)).toBe(200);
    await server.client(owner.token).DELETE('/api/certificates/{id}', { params });
    expect(await subject(host)).toBe('localhost');
  });

  it('requests over HTTP are sent to the TLS door', async () => {
    const host = await newHost();
    const answer = await new Promise<{ status: number; location?: string }>((resolve, reject) => {
      import('node:http').then(({ get }) =>
        get(`${server.proxy}/x?y=1`, { headers: { host } }, (response) => {
          response.resume();
          resolve({ status: response.statusCode!, location: response.headers.location });
        }).on('error', reject),
      );
    });
    expect(answer).toEqual({ status: 308, location: `https://${host}:${server.proxyTlsPort}/x?y=1` });
  });

  it('/api/status names the port of the TLS door', async () => {
    const { data } = await server.client(owner.token).GET('/api/status');
    expect(data!.data_plane.https_port).toBe(server.proxyTlsPort);
  });

  it('another tenant’s hosts are refused, and so is who may not write', async () => {
    const host = await newHost();
    const other = await newTenant(server);
    const { chain, privateKey } = await ca.issue([host]);
    const body = { certificate: chain, private_key: privateKey };
    const refused = await server.client(other.token).POST('/api/certificates', { body });
    expect(refused.response.status).toBe(422);
    expect(refused.error!.details[0]!.field).toBe('hosts');
    const { id } = await upload(host);
    const theirs = await server
      .client(other.token)
      .GET('/api/certificates/{id}', { params: { path: { id } } });
    expect(theirs.response.status).toBe(404);
  });

  it('an automatic one is proved through our own proxy, issued, served, and due when a third of its life is left', async () => {
    const host = await newHost();
    const { id, status: first } = await order(host);
    expect(first).toBe('pending');
    const row = await until('it to be issued', async () => {
      const now = await read(id);
      return now.status === 'active' ? now : null;
    });
    expect(acme.validated).toContainEqual({ host, status: 200 });
    expect(row.order).toMatchObject({ state: 'issued', failed_attempts: 0, error: null });
    const [from, to] = [Date.parse(row.not_before!), Date.parse(row.not_after!)];
    expect(Math.abs(Date.parse(row.order!.next_attempt_at) - (to - (to - from) / 3))).toBeLessThan(2000);
    await until('it to be served', async () => (await status(host, acme.ca.rootPem)) === 200);
    const account = acme.accounts.size;
    const { id: another } = await order(await newHost());
    await until('another one', async () => (await read(another)).status === 'active');
    expect(acme.accounts.size).toBe(account);
  });

  it('one whose time has come is renewed by itself', async () => {
    const host = await newHost();
    acme.lives.push({ from: -70, days: 20 });
    const { id } = await order(host);
    const row = await until('the second one', async () => {
      const now = await read(id);
      return (now.days_left ?? 0) > 60 ? now : null;
    });
    expect(row.version).toBeGreaterThanOrEqual(3);
  });

  it('when the proof fails, the certificate says why, and it can be ordered anew', async () => {
    const host = await newHost();
    acme.validateAt = [`http://127.0.0.1:${upstream.port}`];
    const { id } = await order(host);
    const failed = await until('the failure', async () => {
      const now = await read(id);
      return now.order!.state === 'failed' ? now : null;
    });
    expect(failed).toMatchObject({ status: 'pending', order: { failed_attempts: 1 } });
    expect(failed.order!.error).toContain(`Invalid response from http://${host}`);
    acme.validateAt = [server.proxy];
    const again = await server
      .client(owner.token)
      .POST('/api/certificates/{id}/renew', { params: { path: { id } } });
    expect(again.response.status).toBe(202);
    expect(again.response.headers.get('etag')).toMatch(/^"\d+"$/);
    await until('it to be issued', async () => (await read(id)).status === 'active');
    expect((await read(id)).order).toMatchObject({ failed_attempts: 0, error: null });
  });
});
