import { createSocket } from 'node:dgram';
import { until } from '../contract/support.js';
import { LogReceiver, parseAccessLine } from './access-log.js';

const line = (changes: object = {}): string =>
  JSON.stringify({
    k: 'key',
    t: 'tenant_a',
    r: 'route_a',
    o: 'pool_a',
    f: '1',
    u: '-',
    s: 'backend_1',
    st: 200,
    bi: 100,
    bo: 2000,
    ta: 12,
    tr: 9,
    tc: 1,
    tw: 0,
    e: '----',
    ci: '127.0.0.1',
    id: 'id-1',
    m: 'GET',
    p: '/x',
    ...changes,
  });

const read = (text: string) => parseAccessLine(text, 'key');

describe('the access log', () => {
  it('a line is read', () => {
    expect(read(line())).toEqual({
      tenantId: 'tenant_a',
      routeId: 'route_a',
      poolId: 'pool_a',
      triedBackendId: 'backend_1',
      backendId: 'backend_1',
      unknown: false,
      status: 200,
      bytesIn: 100,
      bytesOut: 2000,
      latencyMs: 12,
      responseTimeMs: 10,
      clientAborted: false,
      clientAddress: '127.0.0.1',
      requestId: 'id-1',
      method: 'GET',
      path: '/x',
    });
  });

  it('a backend that was tried but did not answer is not the one that answered', () => {
    expect(read(line({ tr: -1, st: 504 }))).toMatchObject({
      triedBackendId: 'backend_1',
      backendId: null,
      responseTimeMs: null,
    });
    expect(read(line({ s: '<NOSRV>', tr: -1, st: 503 }))).toMatchObject({ triedBackendId: null });
  });

  it('what was answered before the pool has none', () => {
    expect(read(line({ f: '-', s: '<NOSRV>', tr: -1, st: 301 }))).toMatchObject({ poolId: null });
  });

  it('a client that went away early is 499', () => {
    expect(read(line({ st: -1, tr: -1, ta: -1, e: 'CH--' }))).toMatchObject({
      status: 499,
      latencyMs: 0,
      clientAborted: true,
    });
  });

  it('other lines are none', () => {
    expect(read('Server pool_a/backend_1 is DOWN')).toBeNull();
    expect(read('{"t":"tenant_a","p":"/cut off')).toBeNull();
    expect(read(line({ k: 'guessed' }))).toBeNull();
  });

  it('the receiver takes the wanted port, or another when it is taken', async () => {
    const lines: string[] = [];
    const first = new LogReceiver((text) => lines.push(text));
    const second = new LogReceiver(() => {});
    const port = await first.start('127.0.0.1', 0);
    expect(await second.start('127.0.0.1', port)).not.toBe(port);
    const sender = createSocket('udp4');
    sender.send('hello\n', port, '127.0.0.1');
    await until('it arrives', () => lines.length > 0);
    expect(lines).toEqual(['hello']);
    sender.close();
    first.stop();
    second.stop();
  });
});
