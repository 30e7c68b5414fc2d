import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../../platform/database/index.js';
import { type Periodic, repeat } from '../../platform/jobs/index.js';
import { exposeMetric, type Sample } from '../../platform/observability/index.js';
import { type BillingFigures, BillingMetricsReadModel } from './billing-metrics.read-model.js';

const EVERY_MS = 15_000;
/** Shown with 0 too, so that an alert on them has something to look at. */
const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'];
const EVENT_STATES = ['pending', 'running', 'dead'];

/**
 * Prometheus series of billing, as of at most fifteen seconds ago; absent while the database is. Every node shows the
 * whole installation: take `max` over the instances, not the sum.
 */
@Injectable()
export class BillingMetrics implements OnApplicationBootstrap, OnModuleDestroy {
  private figures: BillingFigures | null = null;
  private periodic?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly readModel: BillingMetricsReadModel,
  ) {
    this.expose('veloflux_subscriptions', 'Subscriptions by plan and status', ({ subscriptions }) =>
      subscriptions.map(({ plan, status, n }) => ({ labels: { plan, status }, value: n })),
    );
    this.expose('veloflux_invoices', 'Invoices by status', ({ invoices }) =>
      INVOICE_STATUSES.map((status) => ({
        labels: { status },
        value: invoices.find((row) => row.status === status)?.n ?? 0,
      })),
    );
    this.expose('veloflux_invoices_outstanding', 'Unpaid of open invoices, minor units', ({ outstanding }) =>
      outstanding.map(({ currency, amount }) => ({ labels: { currency }, value: amount })),
    );
    this.expose('veloflux_stripe_events', 'Stripe events that are not done', ({ events }) =>
      EVENT_STATES.map((state) => ({
        labels: { state },
        value: events.find((row) => row.state === state)?.n ?? 0,
      })),
    );
    this.expose('veloflux_usage_lag_seconds', 'Age of the newest usage collected', ({ usageLagSeconds }) => [
      { labels: {}, value: usageLagSeconds },
    ]);
  }

  onApplicationBootstrap(): void {
    this.periodic = repeat('billing metrics', EVERY_MS, () => this.read());
    void this.periodic.runNow();
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic?.stop();
  }

  private async read(): Promise<void> {
    try {
      this.figures = await this.database.system((tx) => this.readModel.read(tx));
    } catch (error) {
      this.figures = null;
      throw error;
    }
  }

  private expose(name: string, help: string, samples: (figures: BillingFigures) => Sample[]): void {
    exposeMetric(name, help, 'gauge', () => (this.figures ? samples(this.figures) : []));
  }
}
