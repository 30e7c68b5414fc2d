import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { probe } from '../health/probe.js';
import { openConnection } from './connector.js';

describe('a backend’s name', () => {
  const server = createServer((_, response) => response.end('ok'));
  let port: number;
  beforeAll(async () => {
    await new Promise<void>((ok) => server.listen(0, () => ok()));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => server.close());

  const connect = (allowPrivate: boolean) =>
    new Promise<string>((ok) => {
      const socket = openConnection('localhost', port, 5000, allowPrivate, (error) => {
        ok(error ? (error as NodeJS.ErrnoException).code! : 'connected');
        socket.destroy();
      });
    });
  const check = (allowPrivate: boolean) =>
    new Promise<boolean>((ok) =>
      probe({ host: 'localhost', port, path: '/', timeoutMs: 5000, expectedStatus: 200, allowPrivate }, (r) =>
        ok(r.good),
      ),
    );

  it('that leads to a loopback address is connected to where that is allowed', async () => {
    expect(await connect(true)).toBe('connected');
    expect(await check(true)).toBe(true);
  });

  it('that leads to an address that is not allowed is neither connected to nor checked', async () => {
    expect(await connect(false)).toBe('ADDRESS_REFUSED');
    expect(await check(false)).toBe(false);
  });
});
