import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HOUR_MS } from '../../../common/durations.js';
import { Database, Notifications } from '../../../platform/database/index.js';
import { type JobControl, Leader, type Periodic, repeat, WorkQueue } from '../../../platform/jobs/index.js';
import { BillingAccountsRepository } from '../accounts.repository.js';
import { STRIPE_METERS } from './stripe-catalog.js';
import { StripeGateway } from './stripe-gateway.js';
import { type UsageReportRow, UsageReportsRepository } from './usage-reports.repository.js';

const EVERY_MS = 5 * 60_000;
/** An hour is reported this long after its end. */
const SETTLE_MS = 10 * 60_000;
const LOOK_BACK_MS = 48 * HOUR_MS;
const MAX_ATTEMPTS = 12;

/**
 * Tells Stripe what was used, hour by hour. Each report is a row with a state; its id is the meter event's identifier,
 * which Stripe accepts once, so that a report sent again after a lost answer or a crash is not counted twice.
 */
@Injectable()
export class UsageReports implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly queue: WorkQueue<UsageReportRow>;
  private periodic?: Periodic;

  constructor(
    private readonly database: Database,
    notifications: Notifications,
    private readonly leader: Leader,
    private readonly gateway: StripeGateway,
    private readonly reports: UsageReportsRepository,
    private readonly accounts: BillingAccountsRepository,
  ) {
    this.queue = new WorkQueue(database, notifications, {
      table: 'usage_reports',
      concurrency: 2,
      leaseSeconds: 30,
      maxAttempts: MAX_ATTEMPTS,
      handle: (row, job) => this.send(row, job),
    });
  }

  onApplicationBootstrap(): void {
    if (!this.gateway.configured) return;
    this.queue.start();
    this.periodic = repeat('usage reports', EVERY_MS, async () => {
      if (this.leader.isLeader) await this.run(new Date());
    });
  }

  async onModuleDestroy(): Promise<void> {
    if (!this.gateway.configured) return;
    await this.periodic?.stop();
    await this.queue.stop();
  }

  /** Makes the reports that are due at `now`; the queue sends them. */
  async run(now: Date): Promise<void> {
    const settled = now.getTime() - SETTLE_MS;
    const before = new Date(settled - (settled % HOUR_MS));
    const from = new Date(before.getTime() - LOOK_BACK_MS);
    await this.leader.lead(async (tx) => {
      if (await this.reports.makeMissing(tx, from, before)) await this.queue.wake(tx);
    });
  }

  private async send(row: UsageReportRow, job: JobControl): Promise<void> {
    const customer = await this.database.system((tx) => this.accounts.customerOf(tx, row.tenant_id));
    if (!customer) throw new Error('the tenant has no customer at Stripe');
    await this.gateway.api.billing.meterEvents.create(
      {
        event_name: STRIPE_METERS[row.meter].event,
        identifier: row.id,
        // the last second of the hour belongs to the billing period that the hour was used in
        timestamp: Math.floor(row.hour.getTime() / 1000) + HOUR_MS / 1000 - 1,
        payload: { stripe_customer_id: customer, value: row.quantity },
      },
      { idempotencyKey: `usage:${row.id}` },
    );
    await job.finish();
  }
}
