import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import '../../../test/support/quiet.js';
import { until } from '../../../test/support/until.js';
import { DatabaseUrl, Notifications } from '../database/index.js';
import type { View } from '../security/index.js';
import type { ChannelDefinition } from './channel.js';
import { ChannelControls } from './channel-controls.js';
import { Channels } from './channels.js';
import type { SocketClient } from './socket-client.js';
import type { SocketHub } from './socket-hub.js';

class FakeClient {
  readonly frames: { type: string; data: unknown }[] = [];
  readonly socket = { once: () => undefined };
  readonly channel = 'news';
  awaitsState = false;
  constructor(readonly view: View) {}
}

/** One node: its own connection for notifications, its own clients. */
class Node {
  readonly notifications: Notifications;
  readonly controls: ChannelControls;
  readonly channels: Channels;

  constructor(db: TestDatabase) {
    this.notifications = new Notifications(db.database, new DatabaseUrl(db.url));
    this.controls = new ChannelControls(db.database, this.notifications);
    const hub = {
      onCaughtUp: () => undefined,
      send: (frame: Buffer, clients: Iterable<FakeClient>) => {
        for (const client of clients) client.frames.push(JSON.parse(String(frame)));
      },
    };
    this.channels = new Channels(hub as unknown as SocketHub, this.notifications, this.controls);
  }

  async start(): Promise<this> {
    await this.notifications.onApplicationBootstrap();
    await this.controls.onApplicationBootstrap();
    this.channels.onApplicationBootstrap();
    return this;
  }

  async stop(): Promise<void> {
    await this.channels.onModuleDestroy();
    await this.notifications.onApplicationShutdown();
  }

  async follow(view: View): Promise<FakeClient> {
    const client = new FakeClient(view);
    await this.channels.subscribe(client as unknown as SocketClient, 'news');
    return client;
  }
}

describe('Channels', () => {
  let db: TestDatabase;
  const nodes: Node[] = [];

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
    await db.sql('DELETE FROM realtime_channels');
  });
  afterAll(() => db.close());

  const node = async (definition: Partial<ChannelDefinition> = {}) => {
    const made = new Node(db);
    made.channels.define({
      name: 'news',
      summary: 'News',
      access: null,
      scope: 'tenant',
      state: async (view) => ({ state: view }),
      ...definition,
    });
    nodes.push(made);
    return made.start();
  };
  const dataOf = (client: FakeClient) => client.frames.map((frame) => frame.data);

  it('sends the state of the own view at once', async () => {
    const one = await node();
    expect(dataOf(await one.follow('tenant_a'))).toEqual([{ state: 'tenant_a' }]);
    expect(dataOf(await one.follow(null))).toEqual([{ state: null }]);
  });

  it('carries an event to the clients of every node that may see it', async () => {
    const [one, two] = [await node(), await node()];
    const clients = await Promise.all([
      one.follow('tenant_a'),
      two.follow('tenant_a'),
      two.follow(null),
      two.follow('tenant_b'),
    ]);
    await db.database.system((tx) => one.channels.publish(tx, 'news', 'tenant_a', { n: 1 }, 'news_update'));
    await until('the event on both nodes', () => clients.slice(0, 3).every((c) => c.frames.length === 2));
    expect(clients[1]!.frames[1]).toMatchObject({ type: 'news_update', data: { n: 1 } });
    expect(clients[3]!.frames).toHaveLength(1);
  });

  it('sends nothing for a transaction that rolls back', async () => {
    const one = await node();
    const client = await one.follow('tenant_a');
    await db.database
      .system(async (tx) => {
        await one.channels.publish(tx, 'news', 'tenant_a', { n: 1 });
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    await db.database.system((tx) => one.channels.publish(tx, 'news', 'tenant_a', { n: 2 }));
    await until('the other event', () => client.frames.length > 1);
    expect(dataOf(client).slice(1)).toEqual([{ n: 2 }]);
  });

  it('makes one new state of many changes at once, on every node', async () => {
    let version = 0;
    const [one, two] = [await node(), await node({ state: async () => version })];
    const client = await two.follow('tenant_a');
    version = 7;
    await db.database.system(async (tx) => {
      for (let i = 0; i < 20; i++) await one.channels.changed(tx, 'news', 'tenant_a');
    });
    await until('the new state', () => dataOf(client).includes(7));
    expect(client.frames.length).toBeLessThanOrEqual(4);
  });

  it('reads the state once for many that come together', async () => {
    let reads = 0;
    const one = await node({
      state: async () => {
        reads++;
        await new Promise((ok) => setImmediate(ok));
        return reads;
      },
    });
    const clients = await Promise.all(Array.from({ length: 50 }, () => one.follow('tenant_a')));
    expect(clients.every((client) => client.frames.length === 1)).toBe(true);
    expect(reads).toBe(1);
  });

  it('sends the state as soon as it can be read again', async () => {
    let broken = true;
    const state = async () => {
      if (broken) throw new Error('away');
      return 'here';
    };
    const one = await node({ state });
    const client = await one.follow('tenant_a');
    expect(client.awaitsState).toBe(true);
    broken = false;
    await until('the state', () => dataOf(client).includes('here'));
    expect(client.awaitsState).toBe(false);
  });

  it('repeats the state on its interval, pauses, and goes on with an interval that an operator set', async () => {
    const [one, two] = [await node({ intervalMs: 20 }), await node({ intervalMs: 20 })];
    const client = await two.follow(null);
    await until('some states', () => client.frames.length > 3);
    const control = (change: object) => db.database.system((tx) => one.controls.set(tx, ['news'], change));
    await control({ paused: true });
    await until('the pause on the other node', () => two.controls.of('news').paused);
    const paused = client.frames.length;
    two.channels.send('news', null, 'an event');
    await db.database.system((tx) => one.channels.changed(tx, 'news', null));
    await db.database.system((tx) => one.channels.publish(tx, 'news', null, 'another'));
    expect(client.frames.length - paused).toBeLessThanOrEqual(1); // the state that was on its way
    await control({ paused: false, intervalMs: 10 });
    await until('more states', () => client.frames.length > paused + 3);
    const late = await node({ intervalMs: 20 });
    expect(late.controls.of('news')).toEqual({ paused: false, intervalMs: 10 });
  });

  it('refuses two owners of one channel, and knows no other', async () => {
    const { channels } = await node();
    const news = channels.definition('news');
    expect(() => channels.define({ ...news, summary: 'another' })).toThrow('twice');
    expect(channels.definition('news')).toBe(news);
    expect(() => channels.definition('nowhere')).toThrow(expect.objectContaining({ status: 404 }));
  });
});
