import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database, Notifications, type Transaction } from '../../../platform/database/index.js';
import { type JobControl, WorkQueue } from '../../../platform/jobs/index.js';
import type { Alert } from './alert.entity.js';
import type { AlertDelivery } from './alert-delivery.entity.js';
import { AlertsRepository } from './alerts.repository.js';
import { NotificationChannels } from './notification-channels.js';

const MAX_ATTEMPTS = 8;

/**
 * Notifications about alerts, one row a channel, written in the transaction of the alert and sent by whichever node
 * takes the row. A receiver that is down is tried again for about twenty minutes.
 */
@Injectable()
export class DeliveryQueue implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('notifications');
  private readonly queue: WorkQueue<AlertDelivery>;

  constructor(
    private readonly database: Database,
    notifications: Notifications,
    private readonly alerts: AlertsRepository,
    private readonly channels: NotificationChannels,
  ) {
    this.queue = new WorkQueue<AlertDelivery>(database, notifications, {
      table: 'notification_deliveries',
      concurrency: 6,
      // a channel whose receiver hangs holds up no other one
      shares: [{ column: 'channel', most: 2 }],
      leaseSeconds: 60,
      maxAttempts: MAX_ATTEMPTS,
      handle: (row, job) => this.deliver(row, job),
      onDead: async (_tx, row, error) =>
        this.logger.error(`${row.channel} notification ${row.id} was given up: ${error.message}`),
    });
  }

  onApplicationBootstrap(): void {
    this.queue.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.queue.stop();
  }

  /** Queues the alert's notifications on the channels that are set up and switched on. */
  async enqueue(tx: Transaction, alert: Alert, event: AlertDelivery['event']): Promise<void> {
    const channels = this.channels.enabled();
    if (!channels.length) return;
    await this.alerts.addDeliveries(tx, alert, event, channels);
    await this.queue.wake(tx);
  }

  private async deliver(row: AlertDelivery, job: JobControl): Promise<void> {
    const { alert_id: alertId } = row;
    const alert = alertId && (await this.database.system((tx) => this.alerts.get(tx, alertId)));
    if (!alert) return;
    const delivery = await this.channels.send(row.channel, {
      id: row.id,
      kind: row.event === 'firing' ? 'alert.firing' : 'alert.resolved',
      severity: alert.severity,
      component: alert.component,
      title: alert.message,
      message: alert.message,
      occurredAt: (row.event === 'resolved' && alert.resolved_at) || alert.started_at,
      tenantId: alert.tenant_id,
    });
    if (delivery.delivered) return;
    if (delivery.retryable) throw new Error(delivery.message);
    // asking again changes nothing: the operator sees it in the log
    this.logger.error(`${row.channel} notification ${row.id} was refused: ${delivery.message}`);
    await job.finish();
  }
}
