import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import { Database } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import type { Notification } from '../notifications/index.js';
import type { TestNotificationResponse, TestNotificationResult } from './alerts.dto.js';
import {
  NOTIFICATION_CHANNELS,
  type NotificationChannel,
  NotificationChannels,
} from './notification-channels.js';

/** The test button: one notification now, past the queue, and what became of it. */
@Injectable()
export class NotificationTest {
  constructor(
    private readonly channels: NotificationChannels,
    private readonly database: Database,
    private readonly journal: Journal,
  ) {}

  /** @param channel left out: every channel that is set up */
  async run(channel?: NotificationChannel): Promise<TestNotificationResponse> {
    const tried = channel
      ? [channel]
      : NOTIFICATION_CHANNELS.filter((each) => this.channels.missing(each) === null);
    const results = await Promise.all(tried.map((each) => this.try(each)));
    await this.database.system((tx) =>
      this.journal.record(tx, {
        tenantId: null,
        action: 'notifications.tested',
        message: `Test notification: ${results.map((r) => `${r.channel} ${r.delivered ? 'arrived' : 'failed'}`).join(', ') || 'no channel is set up'}`,
      }),
    );
    return { success: results.length > 0 && results.every((result) => result.delivered), results };
  }

  private async try(channel: NotificationChannel): Promise<TestNotificationResult> {
    const delivery = await this.channels.send(channel, testNotification());
    return {
      channel,
      delivered: delivery.delivered,
      message: delivery.delivered ? delivery.detail : delivery.message,
    };
  }
}

const testNotification = (): Notification => ({
  id: newId('delivery'),
  kind: 'test',
  severity: 'INFO',
  component: 'NOTIFICATIONS',
  title: 'Test notification from VeloFlux',
  message: 'Somebody pressed the test button. Alerts will arrive here.',
  occurredAt: new Date(),
  tenantId: null,
});
