import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { notFound } from '../../common/errors.js';
import { Notifications, type Transaction } from '../database/index.js';
import { type Periodic, repeat } from '../jobs/index.js';
import { type Principal, type View, viewOf } from '../security/index.js';
import { type ChannelDefinition, encodeFrame, type Frame, frame } from './channel.js';
import { ChannelControls } from './channel-controls.js';
import type { SocketClient } from './socket-client.js';
import { SocketHub } from './socket-hub.js';

/** Notification: the state of a channel changed for a view; every node sends the new one to its clients. */
const CHANGED = 'channel.changed';
interface Changed {
  name: string;
  /** Null: all views. */
  tenantId: View;
}

/** Notification: an event of a channel, small enough to travel in it. */
const EVENT = 'channel.event';
interface ChannelEvent extends Changed {
  type: string;
  data: unknown;
}

/** Several changes at once become one state. */
const COALESCE_MS = 50;
/** A state that could not be read (the database is away) is tried again after this. */
const RETRY_MS = 2000;

interface Channel {
  definition: ChannelDefinition;
  subscribers: Map<View, Set<SocketClient>>;
  periodic?: Periodic;
  /** Views whose state shall be sent at the end of the coalescing time; null: no timer runs. */
  dirty: Set<View> | null;
  /** States being read for clients that just came: many that come at once share one reading. */
  readonly firstFrames: Map<View, Promise<Buffer>>;
  failing: boolean;
}

/**
 * The live channels by name. A module defines the ones whose data it owns and tells when they changed; clients, frames,
 * intervals, pauses and the other nodes are looked after here. A change that happens on one node reaches the clients
 * of all (PostgreSQL LISTEN/NOTIFY, at most once; intervals and reconnects make a missed one good).
 */
@Injectable()
export class Channels implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('realtime');
  private readonly channels = new Map<string, Channel>();

  constructor(
    private readonly hub: SocketHub,
    private readonly notifications: Notifications,
    private readonly controls: ChannelControls,
  ) {}

  onApplicationBootstrap(): void {
    this.hub.onCaughtUp((client) => this.sendStateTo(client));
    this.notifications.on<Changed>(CHANGED, ({ name, tenantId }) => this.refresh(name, tenantId));
    this.notifications.on<ChannelEvent>(EVENT, ({ name, tenantId, type, data }) =>
      this.send(name, tenantId, data, type),
    );
    this.notifications.onReconnect(() => this.refreshAll());
    this.controls.onChange((names) => {
      for (const name of names) this.reschedule(name);
    });
    for (const name of this.channels.keys()) this.reschedule(name);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.channels.values()].map((channel) => channel.periodic?.stop()));
  }

  /** Adds a channel; the module that owns the data calls it in `onModuleInit`. @throws Error when there is one */
  define(definition: ChannelDefinition): void {
    const { name } = definition;
    if (this.channels.has(name)) throw new Error(`channel ${name} is defined twice`);
    this.channels.set(name, {
      definition,
      subscribers: new Map(),
      dirty: null,
      firstFrames: new Map(),
      failing: false,
    });
  }

  get definitions(): ChannelDefinition[] {
    return [...this.channels.values()].map((channel) => channel.definition);
  }

  /** @throws AppError 404 */
  definition(name: string): ChannelDefinition {
    const channel = this.channels.get(name);
    if (!channel) throw notFound('Channel', name.slice(0, 100));
    return channel.definition;
  }

  /** The state as the first frame of a client of this principal has it. @throws AppError 404 */
  async current<F extends Frame>(name: string, principal: Principal | null): Promise<F> {
    const definition = this.definition(name);
    const view = definition.scope === 'tenant' ? principal && viewOf(principal) : null;
    return frame(typeOf(definition), await definition.state(view)) as F;
  }

  /** Clients of a channel on this node. */
  subscriberCount(name: string): number {
    const views = this.channels.get(name)?.subscribers.values() ?? [];
    return [...views].reduce((sum, clients) => sum + clients.size, 0);
  }

  /** Sends `client` the state at once and from then on what changes. */
  async subscribe(client: SocketClient, name: string): Promise<void> {
    const channel = this.channels.get(name);
    if (!channel) throw notFound('Channel', name);
    const view = viewIn(channel.definition, client);
    client.awaitsState = true;
    const clients = channel.subscribers.get(view) ?? new Set();
    channel.subscribers.set(view, clients.add(client));
    client.socket.once('close', () => {
      clients.delete(client);
      if (clients.size === 0 && channel.subscribers.get(view) === clients) channel.subscribers.delete(view);
    });
    await this.sendShared(channel, view, client);
  }

  /** Whether a client of this node sees this tenant's frames of a tenant channel. */
  isFollowed(name: string, tenantId: string): boolean {
    const subscribers = this.channels.get(name)?.subscribers;
    return subscribers !== undefined && (subscribers.has(tenantId) || subscribers.has(null));
  }

  /**
   * Sends `data` to the clients that may see `tenantId`'s data, on this node only: for what every node sees by itself.
   * @param tenantId null: superadmins only on a tenant channel, everybody on an installation channel
   */
  send(name: string, tenantId: View, data: unknown, type?: string): void {
    const channel = this.channels.get(name);
    if (!channel || this.controls.of(name).paused) return;
    const clients = this.audience(channel, tenantId);
    if (clients.length) this.hub.send(encodeFrame(type ?? typeOf(channel.definition), data), clients);
  }

  /** As `send`, on every node, once `tx` has committed. `data` is small: 7 kB of JSON. */
  async publish(tx: Transaction, name: string, tenantId: View, data: unknown, type?: string): Promise<void> {
    const event = { name, tenantId, data, type: type ?? typeOf(this.definition(name)) };
    await this.notifications.publish(tx, EVENT, event satisfies ChannelEvent);
  }

  /** Makes every node send the channel's new state once `tx` has committed. @param tenantId null: to all views */
  async changed(tx: Transaction, name: string, tenantId: View): Promise<void> {
    await this.notifications.publish(tx, CHANGED, { name, tenantId } satisfies Changed);
  }

  /** Sends the channel's new state to this node's clients, shortly. @param tenantId null: to all views */
  refresh(name: string, tenantId: View = null): void {
    const channel = this.channels.get(name);
    if (!channel?.subscribers.size) return;
    this.markDirty(channel, tenantId === null ? channel.subscribers.keys() : [tenantId, null], COALESCE_MS);
  }

  /** Sends the state of all channels, or of one, to this node's clients now. @returns how many clients */
  refreshAll(name?: string): number {
    const names = name === undefined ? [...this.channels.keys()] : [name];
    for (const each of names) this.refresh(each);
    return names.reduce((sum, each) => sum + this.subscriberCount(each), 0);
  }

  private reschedule(name: string): void {
    const channel = this.channels.get(name);
    if (!channel) return;
    void channel.periodic?.stop();
    channel.periodic = undefined;
    const { paused, intervalMs } = this.controls.of(name);
    const pause = intervalMs ?? channel.definition.intervalMs;
    if (paused) return;
    this.refresh(name);
    if (pause === undefined) return;
    channel.periodic = repeat(`channel ${name}`, pause, () => this.sendAll(channel));
  }

  private async sendAll(channel: Channel): Promise<void> {
    for (const [view, clients] of channel.subscribers) await this.sendState(channel, view, clients);
  }

  private async sendDirty(channel: Channel): Promise<void> {
    const views = channel.dirty ?? [];
    channel.dirty = null;
    if (this.controls.of(channel.definition.name).paused) return;
    for (const view of views) {
      const clients = channel.subscribers.get(view);
      if (clients) await this.sendState(channel, view, clients);
    }
  }

  private markDirty(channel: Channel, views: Iterable<View>, delayMs: number): void {
    if (channel.dirty) {
      for (const view of views) channel.dirty.add(view);
      return;
    }
    channel.dirty = new Set(views);
    setTimeout(() => void this.sendDirty(channel), delayMs).unref();
  }

  private sendStateTo(client: SocketClient): void {
    const channel = this.channels.get(client.channel);
    if (channel) void this.sendShared(channel, viewIn(channel.definition, client), client);
  }

  /**
   * Sends one client the state, read together with others that want it now. What changes meanwhile marks the client
   * stale, so it gets the newer state right after.
   */
  private async sendShared(channel: Channel, view: View, client: SocketClient): Promise<void> {
    let frame = channel.firstFrames.get(view);
    if (!frame) {
      frame = this.readFrame(channel, view).finally(() => channel.firstFrames.delete(view));
      channel.firstFrames.set(view, frame);
    }
    await frame.then((ready) => this.deliver(ready, [client])).catch(() => undefined);
  }

  private async sendState(channel: Channel, view: View, clients: Iterable<SocketClient>): Promise<void> {
    await this.readFrame(channel, view)
      .then((frame) => this.deliver(frame, clients))
      .catch(() => undefined);
  }

  private deliver(frame: Buffer, clients: Iterable<SocketClient>): void {
    for (const client of clients) client.awaitsState = false;
    this.hub.send(frame, clients);
  }

  /** Said once while it fails; whoever follows the view gets the state as soon as it can be read again. */
  private async readFrame(channel: Channel, view: View): Promise<Buffer> {
    const { definition } = channel;
    try {
      const frame = encodeFrame(typeOf(definition), await definition.state(view));
      channel.failing = false;
      return frame;
    } catch (e) {
      if (!channel.failing) this.logger.warn(`channel ${definition.name}: ${(e as Error).message}`);
      channel.failing = true;
      this.markDirty(channel, [view], RETRY_MS);
      throw e;
    }
  }

  private audience(channel: Channel, tenantId: View): SocketClient[] {
    const own = channel.subscribers.get(channel.definition.scope === 'tenant' ? tenantId : null) ?? [];
    const all =
      channel.definition.scope === 'tenant' && tenantId !== null ? channel.subscribers.get(null) : [];
    return [...own, ...(all ?? [])];
  }
}

const typeOf = (definition: ChannelDefinition): string => definition.type ?? definition.name;

const viewIn = (definition: ChannelDefinition, client: SocketClient): View =>
  definition.scope === 'tenant' ? client.view : null;
