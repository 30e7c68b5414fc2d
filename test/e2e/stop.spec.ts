import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newTenant, startServer, unique, until } from '../support/server.js';

describe('a graceful stop', () => {
  it('finishes requests in flight, refuses new ones and ends with 0', async () => {
    const server = await startServer();
    const tenant = await newTenant(server);
    let release: () => void = () => undefined;
    const upstream = createServer((incoming, response) => {
      if (incoming.url !== '/slow') return void response.end('fast');
      response.write('first half, ');
      release = () => response.end('second half');
    }).listen(0, '127.0.0.1');
    const host = `${unique('site')}.example.com`;
    const client = server.client(tenant.token);
    await client.POST('/api/pools', {
      body: { name: 'web', algorithm: 'round_robin', health_check: { enabled: false } },
    });
    const address = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    await client.POST('/api/backends', { body: { address, pool: 'web', weight: 1 } });
    await client.POST('/api/routes', { body: { host, pool: 'web' } });

    const get = (path: string) =>
      new Promise<{ status: number; body: string }>((ok) => {
        const call = request(server.proxy + path, { headers: { host }, agent: false }, (response) => {
          let body = '';
          response.on('data', (d: Buffer) => {
            body += d.toString();
          });
          response.on('end', () => ok({ status: response.statusCode!, body }));
        });
        call.on('error', () => ok({ status: 0, body: '' }));
        call.end();
      });
    await until('the route', async () => (await get('/')).status === 200);
    const slow = get('/slow');
    const original = release;
    await until('the slow request to arrive', () => release !== original);
    const stopped = server.stop();
    await until('the listener to close', async () => (await get('/')).status === 0);
    release();
    expect(await slow).toEqual({ status: 200, body: 'first half, second half' });
    expect(await stopped).toBe(0);
    upstream.close();
  }, 60_000);
});
