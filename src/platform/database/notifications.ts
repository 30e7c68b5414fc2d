import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { outsideOfRequest } from '../http/request-context.js';
import { Database, type Transaction } from './database.js';
import { DatabaseUrl } from './database-url.js';
import { prepared, rowsOf } from './statements.js';

const CHANNEL = 'veloflux';
/** PostgreSQL refuses a payload of 8000 bytes or more. */
const MAX_PAYLOAD_BYTES = 7900;
const RECONNECT_MS = 500;
const NOTIFY = prepared('SELECT pg_notify($1, $2)');

interface Envelope {
  from: string;
  topic: string;
  data: unknown;
}

/**
 * Tells every node what happened, over PostgreSQL's LISTEN/NOTIFY: small facts such as "this session ended", which
 * make caches look again. Delivery is at most once: whoever relies on it also looks again by itself
 * (`onReconnect`, a time limit).
 */
@Injectable()
export class Notifications implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Notifications.name);
  private readonly origin = randomUUID();
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private client: pg.Client | null = null;
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly url: DatabaseUrl,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.client?.end().catch(() => undefined);
  }

  /** Calls `handler` for each `topic` of any node, this one included. The function returned ends that. */
  on<T>(topic: string, handler: (data: T) => void): () => void {
    this.emitter.on(`topic:${topic}`, handler);
    return () => this.emitter.off(`topic:${topic}`, handler);
  }

  /** Calls `handler` after a gap in which notifications may have been missed. */
  onReconnect(handler: () => void): void {
    this.emitter.on('reconnect', handler);
  }

  /**
   * Publishes when `tx` commits: at once to handlers of this node, and to the other nodes. `data` is small JSON
   * without secrets. @throws RangeError over 7,900 bytes
   */
  async publish(tx: Transaction, topic: string, data: unknown): Promise<void> {
    const payload = JSON.stringify({ from: this.origin, topic, data } satisfies Envelope);
    if (Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES)
      throw new RangeError(`notification ${topic} is too large`);
    await rowsOf(tx, NOTIFY, CHANNEL, payload);
    this.database.afterCommit(tx, () => outsideOfRequest(() => this.emitter.emit(`topic:${topic}`, data)));
  }

  /** As `publish`, outside of a transaction. */
  async broadcast(topic: string, data: unknown): Promise<void> {
    await this.database.system((tx) => this.publish(tx, topic, data));
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.url.value,
      connectionTimeoutMillis: 2000,
      keepAlive: true,
      application_name: 'veloflux-notifications',
    });
    client.on('notification', (message) => this.receive(message.payload ?? ''));
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (e) {
      client.end().catch(() => undefined);
      throw e;
    }
    // only now: a client that never connected reports its end as well as its error, and each would try again
    client.once('end', () => this.reconnectLater());
    this.client = client;
  }

  private reconnectLater(): void {
    if (this.stopped) return;
    this.client = null;
    setTimeout(() => {
      if (this.stopped) return;
      this.connect().then(
        () => this.emitter.emit('reconnect'),
        () => this.reconnectLater(),
      );
    }, RECONNECT_MS).unref();
  }

  private receive(payload: string): void {
    try {
      const { from, topic, data } = JSON.parse(payload) as Envelope;
      if (from !== this.origin) this.emitter.emit(`topic:${topic}`, data);
    } catch (e) {
      this.logger.warn(`A notification could not be handled: ${(e as Error).message}`);
    }
  }
}
