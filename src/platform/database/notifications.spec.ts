import net from 'node:net';
import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { until } from '../../../test/support/until.js';
import { DatabaseUrl } from './database-url.js';
import { Notifications } from './notifications.js';

describe('notifications', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());

  it('try one connection at a time while the database is away, and tell when it is back', async () => {
    const target = new URL(db.url);
    let away = false;
    let attempts = 0;
    const sockets = new Set<net.Socket>();
    const door = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      if (away) {
        attempts++;
        socket.destroy();
        return;
      }
      const upstream = net.connect(Number(target.port), target.hostname);
      upstream.on('error', () => undefined);
      socket.pipe(upstream).pipe(socket);
    });
    await new Promise<void>((ok) => door.listen(0, '127.0.0.1', ok));
    const port = String((door.address() as net.AddressInfo).port);
    const notifications = new Notifications(
      db.database,
      new DatabaseUrl(Object.assign(new URL(db.url), { port }).href),
    );
    let back = 0;
    notifications.onReconnect(() => {
      back++;
    });
    await notifications.onApplicationBootstrap();
    away = true;
    const since = Date.now();
    for (const socket of sockets) socket.destroy();
    await until('several attempts', () => attempts >= 5);
    // twice as many after each failure would be 31 by now
    expect(attempts).toBeLessThanOrEqual(2 + (Date.now() - since) / 500);
    away = false;
    await until('the connection to be back', () => back === 1);
    await notifications.onApplicationShutdown();
    door.close();
    for (const socket of sockets) socket.destroy();
  }, 30_000);
});
