import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Environment } from '../config/environment.js';
import { type Resolve } from './address-guard.js';
import { GuardedClient } from './guarded-client.js';

class Client extends GuardedClient {
  static answers: Record<string, string[]> = {};

  protected override resolver(): Resolve {
    return ((host: string, _options: object, done: (e: Error | null, addresses: unknown) => void) => {
      const found = Client.answers[host];
      if (!found) return done(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []);
      done(
        null,
        found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) as unknown as Resolve;
  }
}

const servers: Server[] = [];
const clients: GuardedClient[] = [];

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((ok) => server.listen(0, '127.0.0.1', ok));
  return (server.address() as AddressInfo).port;
}

function client(...exceptions: string[]): GuardedClient {
  const made = new Client(Object.assign(new Environment(), { OUTGOING_EXCEPTIONS: exceptions }));
  clients.push(made);
  return made;
}

const failure = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'answered',
    (e: { failure: string }) => e.failure,
  );

afterEach(async () => {
  Client.answers = {};
  for (const c of clients.splice(0)) await c.onApplicationShutdown();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((ok) => server.close(ok));
  }
});

describe('GuardedClient', () => {
  it.each([
    'http://example.com/',
    'file:///etc/passwd',
    'https://user:password@example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://10.1.2.3/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://0.0.0.0/',
    'https://224.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[::7f00:1]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://localhost/',
    'https://a.localhost/',
  ])('sends nothing to %s', async (url) => {
    expect(client().problemOf(url)).not.toBeNull();
    expect(await failure(client().fetch(url))).toBe('blocked_address');
  });

  it.each(['10.0.0.1', '127.0.0.1', '169.254.169.254', '::1', '::ffff:192.168.0.1', '198.51.100.7'])(
    'does not connect to a name that resolves to %s',
    async (address) => {
      Client.answers = { 'rebinding.example.com': [address] };
      expect(client().problemOf('https://rebinding.example.com/')).toBeNull();
      expect(await failure(client().fetch('https://rebinding.example.com/'))).toBe('blocked_address');
    },
  );

  it('reaches an exception over http on loopback, and only on its port', async () => {
    const port = await serve((_request, response) => response.end('hello'));
    const other = await serve((_request, response) => response.end('secret'));
    Client.answers = { 'idp.internal': ['127.0.0.1'] };
    const open = client(`127.0.0.1:${port}`, `idp.internal:${port}`);
    expect(await (await open.fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello');
    expect(await (await open.fetch(`http://idp.internal:${port}/`)).text()).toBe('hello');
    expect(await failure(open.fetch(`http://127.0.0.1:${other}/`))).toBe('blocked_address');
  });

  it('does not reach a metadata address even by an exception', async () => {
    Client.answers = { 'idp.internal': ['169.254.169.254'] };
    expect(await failure(client('idp.internal').fetch('http://idp.internal/'))).toBe('blocked_address');
  });

  it('sends method, headers and body, and gives status, headers and body back', async () => {
    const port = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      response.writeHead(418, {
        'x-seen': `${request.method} ${request.headers['x-sent']} ${Buffer.concat(chunks)}`,
      });
      response.end('teapot');
    });
    const response = await client('127.0.0.1').fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'x-sent': 'yes' },
      body: 'content',
    });
    expect([response.status, response.headers.get('x-seen'), await response.text()]).toEqual([
      418,
      'POST yes content',
      'teapot',
    ]);
  });

  it('follows no redirect', async () => {
    const port = await serve((_request, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    );
    expect(await failure(client('127.0.0.1').fetch(`http://127.0.0.1:${port}/`))).toBe('redirect');
  });

  it('stops reading at the size limit, counted after decompression', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    const port = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    );
    const init = { maxBytes: 100_000 };
    expect(await failure(client('127.0.0.1').fetch(`http://127.0.0.1:${port}/`, init))).toBe('too_large');
  });

  it('gives up on a server that does not answer, and on one that drips', async () => {
    const silent = await serve(() => undefined);
    const dripping = await serve((_request, response) => void response.writeHead(200).write('x'));
    const init = { timeoutMs: 200 };
    expect(await failure(client('127.0.0.1').fetch(`http://127.0.0.1:${silent}/`, init))).toBe('timeout');
    expect(await failure(client('127.0.0.1').fetch(`http://127.0.0.1:${dripping}/`, init))).toBe('timeout');
  });

  it('tells an unknown name, a closed port and a failing handshake apart', async () => {
    const port = await serve((_request, response) => response.end());
    const open = client('127.0.0.1');
    expect(await failure(open.fetch('https://nobody.example.com/'))).toBe('dns');
    expect(await failure(open.fetch(`https://127.0.0.1:${port}/`))).toBe('tls');
    servers.at(-1)!.close();
    servers.at(-1)!.closeAllConnections();
    expect(await failure(open.fetch(`http://127.0.0.1:${port}/`))).toBe('refused');
    servers.pop();
  });
});
