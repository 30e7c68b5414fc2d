import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, Notifications, type Transaction } from '../database/index.js';

export interface ChannelControl {
  paused: boolean;
  /** Milliseconds; null: as the channel is defined. */
  intervalMs: number | null;
}

const CHANGED = 'channel.controls';
const UNTOUCHED: ChannelControl = { paused: false, intervalMs: null };

/** What an operator told the channels: pauses and intervals. Kept in the database, in effect on every node at once. */
@Injectable()
export class ChannelControls implements OnApplicationBootstrap {
  private readonly logger = new Logger('realtime');
  private byChannel: ReadonlyMap<string, ChannelControl> = new Map();
  private listener: (names: string[]) => void = () => undefined;

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const reload = () =>
      void this.load().catch((e: Error) => this.logger.warn(`controls not read: ${e.message}`));
    this.notifications.on(CHANGED, reload);
    this.notifications.onReconnect(reload);
    await this.load();
  }

  of(channel: string): ChannelControl {
    return this.byChannel.get(channel) ?? UNTOUCHED;
  }

  onChange(listener: (names: string[]) => void): void {
    this.listener = listener;
  }

  /** Changes the controls of some channels on every node; resolves when this one follows them. */
  async set(tx: Transaction, channels: readonly string[], change: Partial<ChannelControl>): Promise<void> {
    for (const channel of channels)
      await tx.query(
        `INSERT INTO realtime_channels AS c (name, paused, interval_ms) VALUES ($1, coalesce($2, false), $3)
         ON CONFLICT (name) DO UPDATE SET paused = coalesce($2, c.paused), interval_ms = coalesce($3, c.interval_ms)`,
        [channel, change.paused ?? null, change.intervalMs ?? null],
      );
    await this.notifications.publish(tx, CHANGED, {});
  }

  async load(): Promise<void> {
    const rows: { name: string; paused: boolean; interval_ms: number | null }[] = await this.database.system(
      (tx) => tx.query('SELECT name, paused, interval_ms FROM realtime_channels'),
    );
    const before = this.byChannel;
    const next = new Map(rows.map((r) => [r.name, { paused: r.paused, intervalMs: r.interval_ms }]));
    this.byChannel = next;
    const differs = (name: string) => JSON.stringify(before.get(name)) !== JSON.stringify(next.get(name));
    const changed = [...new Set([...before.keys(), ...next.keys()])].filter(differs);
    if (changed.length) this.listener(changed);
  }
}
