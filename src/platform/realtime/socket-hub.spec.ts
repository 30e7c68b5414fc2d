import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { unauthorized } from '../../common/errors.js';
import type { DatabaseClock } from '../database/index.js';
import type { Principal } from '../security/index.js';
import { CLOSE } from './close-codes.js';
import { SOCKET_LIMITS, SocketHub } from './socket-hub.js';
import type { SocketMetrics } from './socket-metrics.js';

const principal = (over: Partial<Principal> = {}): Principal => ({
  userId: 'user_a',
  sessionId: 'session_a',
  tenantId: 'tenant_a',
  role: 'owner',
  username: 'ada',
  email: 'ada@example.com',
  kind: 'session',
  scopes: null,
  expiresAt: Date.now() / 1000 + 1800,
  ...over,
});

class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  readonly sent: string[] = [];
  pings = 0;
  code: number | null = null;
  send(frame: Buffer): void {
    this.sent.push(String(frame));
  }
  ping(): void {
    this.pings++;
  }
  close(code: number): void {
    this.code ??= code;
    this.readyState = 2;
  }
  terminate(): void {
    this.readyState = 3;
    this.emit('close');
  }
}

describe('SocketHub', () => {
  let now: number;
  let hub: SocketHub;
  const silent = new Proxy({}, { get: () => () => undefined }) as SocketMetrics;

  beforeEach(() => {
    now = 1000;
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    hub = new SocketHub(silent, { now: Date.now } as DatabaseClock);
    hub.onApplicationBootstrap();
  });
  afterEach(() => {
    hub.onApplicationShutdown();
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  const connect = (who: Principal | null = principal(), recheck = async () => who) => {
    const socket = new FakeSocket();
    const request = { admission: { principal: who, recheck }, socket: { remoteAddress: '127.0.0.1' } };
    const client = hub.add(socket as never, request as unknown as IncomingMessage, 'metrics');
    return { socket, client };
  };
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      now += 250;
      jest.advanceTimersByTime(250);
    }
  };
  const frame = (text: string) => Buffer.from(text);

  it('keeps nothing for a client that does not read, and sends it the newest state once it has', () => {
    const { socket, client } = connect();
    hub.onCaughtUp((each) => hub.send(frame('newest'), [each]));
    socket.bufferedAmount = SOCKET_LIMITS.highWaterBytes + 1;
    for (let i = 0; i < 1000; i++) hub.send(frame(`state ${i}`), [client]);
    pass(1000);
    expect(socket.sent).toEqual([]);
    socket.bufferedAmount = 0;
    pass(250);
    expect(socket.sent).toEqual(['newest']);
  });

  it('drops a client that reads nothing for ten seconds, not one that reads slowly', () => {
    const [stuck, slow] = [connect(), connect()];
    for (const { socket, client } of [stuck, slow]) {
      socket.bufferedAmount = 1_000_000;
      hub.send(frame('x'), [client]);
    }
    for (let second = 0; second < 12; second++) {
      slow.socket.bufferedAmount -= 1000;
      pass(1000);
    }
    expect(stuck.socket.code).toBe(CLOSE.tooSlow);
    expect(stuck.socket.readyState).toBe(3);
    expect(slow.socket.code).toBeNull();
  });

  it('drops a client that does not answer a ping', () => {
    const [silentOne, alive] = [connect(), connect()];
    pass(SOCKET_LIMITS.pingMs + 250);
    expect([silentOne.socket.pings, alive.socket.pings]).toEqual([1, 1]);
    alive.socket.emit('pong');
    pass(SOCKET_LIMITS.pingMs);
    expect(silentOne.socket.code).toBe(CLOSE.idle);
    expect(alive.socket.code).toBeNull();
  });

  it('ends a socket when its access token expires', () => {
    const { socket } = connect(principal({ expiresAt: Date.now() / 1000 + 5 }));
    pass(3000);
    expect(socket.code).toBeNull();
    pass(4000);
    expect(socket.code).toBe(CLOSE.unauthorized);
  });

  it('ends the sockets of a session, and whoever is not who they were', async () => {
    const ended = connect(principal({ sessionId: 'session_b' }));
    const staying = connect();
    hub.closeSessions(new Set(['session_b']));
    expect([ended.socket.code, staying.socket.code]).toEqual([CLOSE.unauthorized, null]);

    const revoked = connect(principal(), () => Promise.reject(unauthorized()));
    const promoted = connect(principal(), async () => principal({ role: 'superadmin' }));
    const demoted = connect(principal(), async () => principal({ role: 'viewer' }));
    await hub.recheck();
    expect(revoked.socket.code).toBe(CLOSE.unauthorized);
    expect(promoted.socket.code).toBe(CLOSE.forbidden);
    expect(demoted.socket.code).toBeNull();
    expect(demoted.client.principal!.role).toBe('viewer');
  });

  it('keeps everybody while it cannot be known whether they may stay', async () => {
    const { socket } = connect(principal(), () => Promise.reject(new Error('Connection terminated')));
    await expect(hub.recheck()).rejects.toThrow('Connection terminated');
    expect(socket.code).toBeNull();
  });

  it('sends nothing before the first state, and then what came in between', () => {
    const { socket, client } = connect();
    const caughtUp: string[] = [];
    hub.onCaughtUp((each) => caughtUp.push(each.id));
    client.awaitsState = true;
    hub.send(frame('a change'), [client]);
    pass(1000);
    expect(socket.sent).toEqual([]);
    expect(caughtUp).toEqual([]);
    client.awaitsState = false;
    pass(250);
    expect(caughtUp).toEqual([client.id]);
  });

  it('counts the sockets that a session has open', () => {
    const { socket } = connect();
    connect();
    expect(hub.openOf('session session_a')).toBe(2);
    socket.terminate();
    expect(hub.openOf('session session_a')).toBe(1);
  });
});
