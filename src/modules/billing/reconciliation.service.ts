import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DAY_MS } from '../../common/durations.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { AlertsService } from '../monitoring/index.js';
import { hasEnded } from './billing.types.js';
import { Entitlements } from './entitlements.service.js';
import { PaymentProvider } from './payment-provider.js';
import {
  type Difference,
  type Reconciliation,
  ReconciliationRepository,
} from './reconciliation.repository.js';
import { StripeGateway } from './stripe/stripe-gateway.js';
import { NotApplicable, readSubscription, type StripeSubscriptionState } from './stripe/stripe-mapping.js';
import type { Subscription } from './subscription.entity.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

const LOOK_EVERY_MS = 10 * 60_000;
/** Night, UTC: the hour that the run of a day begins in. */
const HOUR = 3;
const USAGE_DAYS = 35;
const ALERT = 'billing_reconciliation';

/**
 * Compares, each night, what is stored here with what should be: with Stripe's subscriptions, with the plans that
 * tenants are on, with the sums of invoices and with telemetry. It reports and changes nothing: whoever reads the
 * report replays the events or asks Stripe.
 */
@Injectable()
export class ReconciliationService implements OnApplicationBootstrap, OnModuleDestroy {
  private periodic?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly leader: Leader,
    private readonly reports: ReconciliationRepository,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly entitlements: Entitlements,
    private readonly gateway: StripeGateway,
    private readonly provider: PaymentProvider,
    private readonly alerts: AlertsService,
  ) {}

  onApplicationBootstrap(): void {
    this.periodic = repeat('reconciliation', LOOK_EVERY_MS, async () => {
      if (this.leader.isLeader && (await this.isDue(new Date()))) await this.run();
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic?.stop();
  }

  list(request: PageRequest): Promise<Page<Reconciliation>> {
    return this.database.system((tx) => this.reports.page(tx, request));
  }

  /** A run that fails in the middle is reported too, with what it had found. */
  async run(): Promise<Reconciliation> {
    const startedAt = new Date();
    const differences: Difference[] = [];
    let checked = 0;
    let error: string | null = null;
    try {
      differences.push(...(await this.ownDifferences(startedAt)));
      if (this.gateway.configured) checked = await this.compareWithStripe(differences);
    } catch (e) {
      error = (e as Error).message.slice(0, 500);
    }
    return this.database.system(async (tx) => {
      await this.alert(tx, differences.length, error);
      return this.reports.insert(tx, {
        provider: this.provider.name,
        startedAt,
        subscriptionsChecked: checked,
        differences,
        error,
      });
    });
  }

  private async alert(tx: Transaction, differences: number, error: string | null): Promise<void> {
    if (differences === 0 && error === null) {
      await this.alerts.resolveIn(tx, ALERT);
      return;
    }
    const message = error ?? `Billing differs in ${differences} places; see /api/billing/reconciliations`;
    await this.alerts.fireIn(tx, { fingerprint: ALERT, severity: 'WARNING', component: 'BILLING', message });
  }

  private async isDue(now: Date): Promise<boolean> {
    const last = await this.database.system((tx) => this.reports.lastRun(tx));
    const tonight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(), HOUR);
    return now.getTime() >= tonight && (last === null || last.getTime() < tonight);
  }

  private async ownDifferences(now: Date): Promise<Difference[]> {
    const differences = await this.database.system((tx) => this.reports.brokenInvoices(tx));
    differences.push(...(await this.planDifferences(now)));
    // today is still being counted
    const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS;
    for (let day = today - USAGE_DAYS * DAY_MS; day < today; day += DAY_MS)
      differences.push(
        ...(await this.database.system((tx) =>
          this.reports.usageDifferences(tx, new Date(day), new Date(day + DAY_MS)),
        )),
      );
    return differences;
  }

  private async planDifferences(now: Date): Promise<Difference[]> {
    return this.database.system(async (tx) => {
      const differences: Difference[] = [];
      for (const { id, plan } of await this.reports.subscribedTenants(tx)) {
        const due = await this.entitlements.planFor(tx, id, now);
        if (due.id !== plan)
          differences.push({
            kind: 'plan',
            tenantId: id,
            object: id,
            field: 'plan',
            here: plan,
            there: due.id,
          });
      }
      return differences;
    });
  }

  /** @returns how many subscriptions of Stripe's were looked at */
  private async compareWithStripe(differences: Difference[]): Promise<number> {
    const stored = await this.database.system((tx) => this.subscriptions.ofStripe(tx));
    const here = new Map(stored.map((s) => [s.external_id!, s]));
    let checked = 0;
    for await (const object of this.gateway.api.subscriptions.list({ status: 'all', limit: 100 })) {
      checked++;
      const known = here.get(object.id);
      here.delete(object.id);
      differences.push(...compare(known ?? null, object));
    }
    for (const lost of here.values())
      if (!hasEnded(lost.status)) differences.push(difference(lost, 'existence', lost.status, null));
    return checked;
  }
}

const difference = (
  s: Pick<Subscription, 'tenant_id' | 'external_id'>,
  field: string,
  here: string | null,
  there: string | null,
): Difference => ({
  kind: 'subscription',
  tenantId: s.tenant_id,
  object: s.external_id!,
  field,
  here,
  there,
});

function compare(known: Subscription | null, object: unknown): Difference[] {
  let there: StripeSubscriptionState;
  try {
    there = readSubscription(object);
  } catch (e) {
    if (e instanceof NotApplicable) return [];
    throw e;
  }
  if (!known) {
    // one of another product of the same account names no tenant of ours
    if (!there.tenantId || hasEnded(there.status)) return [];
    const named = { tenant_id: there.tenantId, external_id: there.id };
    return [difference(named, 'existence', null, there.status)];
  }
  const pairs: [string, string | null, string | null][] = [
    ['status', known.provider_status, there.status],
    ['plan', known.plan, there.plan],
    ['billing_cycle', known.billing_cycle, there.cycle],
    ['current_period_end', known.current_period_end.toISOString(), there.periodEnd.toISOString()],
    [
      'cancel_at_period_end',
      String(known.cancel_at_period_end),
      String(there.cancelAtPeriodEnd && !hasEnded(there.status)),
    ],
  ];
  return pairs.filter(([, a, b]) => a !== b).map(([field, a, b]) => difference(known, field, a, b));
}
