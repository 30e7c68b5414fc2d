import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, Notifications, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { DEFAULT_SETTINGS, type SettingsResponse } from './settings.dto.js';

export type Settings = Readonly<SettingsResponse>;
const CHANGED = 'settings';
/** A missed notification is made good after this long. */
const REFRESH_MS = 5000;

/** The thirteen settings of the installation, kept in memory and refreshed when any node changes them. */
@Injectable()
export class SettingsService implements OnApplicationBootstrap {
  private readonly logger = new Logger('settings');
  private values: Settings = DEFAULT_SETTINGS;
  private readonly listeners: ((settings: Settings) => void)[] = [];

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly journal: Journal,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.load();
    const reload = () =>
      void this.load().catch((e: Error) => this.logger.warn(`not refreshed: ${e.message}`));
    this.notifications.on(CHANGED, reload);
    this.notifications.onReconnect(reload);
    setInterval(reload, REFRESH_MS).unref();
  }

  get current(): Settings {
    return this.values;
  }

  /** Calls `listener` now and whenever a value changed on any node. */
  watch(listener: (settings: Settings) => void): void {
    this.listeners.push(listener);
    listener(this.values);
  }

  async update(change: Partial<Settings>): Promise<Settings> {
    await this.database.system(async (tx) => {
      await tx.query('UPDATE settings SET values = values || $1', [JSON.stringify(change)]);
      await this.journal.record(tx, {
        tenantId: null,
        action: 'settings.updated',
        message: `Settings changed: ${Object.keys(change).join(', ') || 'none'}`,
        object: { type: 'settings', id: 'installation' },
        details: { ...change },
      });
      await this.notifications.publish(tx, CHANGED, {});
    });
    await this.load();
    return this.values;
  }

  private async load(): Promise<void> {
    const stored = await this.database.system((tx: Transaction) => tx.query('SELECT values FROM settings'));
    const next: Settings = { ...DEFAULT_SETTINGS, ...stored[0]?.values };
    const changed = JSON.stringify(next) !== JSON.stringify(this.values);
    this.values = next;
    if (changed) for (const listener of this.listeners) listener(next);
  }
}
