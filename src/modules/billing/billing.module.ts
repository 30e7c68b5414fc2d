import { Module } from '@nestjs/common';
import { MonitoringModule } from '../monitoring/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { TenantsModule } from '../tenants/index.js';
import { BillingAccountsRepository } from './accounts.repository.js';
import { BillingChannel } from './billing.channel.js';
import { BillingController, TenantBillingController } from './billing.controller.js';
import { BillingService } from './billing.service.js';
import { BillingChannelController } from './billing-channel.controller.js';
import { BillingMetrics } from './billing-metrics.js';
import { BillingMetricsReadModel } from './billing-metrics.read-model.js';
import { BillingRecord } from './billing-record.js';
import { BuiltinProvider } from './builtin.provider.js';
import { ChangeDecisions } from './change-decision.js';
import { Entitlements } from './entitlements.service.js';
import { HistoryRepository } from './history.repository.js';
import { InvoicesController } from './invoices.controller.js';
import { InvoicesRepository } from './invoices.repository.js';
import { InvoicesService } from './invoices.service.js';
import { Invoicing } from './invoicing.service.js';
import { PaymentProvider } from './payment-provider.js';
import { ReconciliationController } from './reconciliation.controller.js';
import { ReconciliationRepository } from './reconciliation.repository.js';
import { ReconciliationService } from './reconciliation.service.js';
import { Renewals } from './renewals.service.js';
import { StripeProvider } from './stripe/stripe.provider.js';
import { StripeCatalog } from './stripe/stripe-catalog.js';
import { StripeChanges } from './stripe/stripe-changes.js';
import { StripeCheckouts } from './stripe/stripe-checkouts.js';
import { StripeCustomers } from './stripe/stripe-customers.js';
import { StripeEvents } from './stripe/stripe-events.service.js';
import { StripeGateway } from './stripe/stripe-gateway.js';
import { StripeOrders } from './stripe/stripe-orders.js';
import { StripeSubscriptions } from './stripe/stripe-subscriptions.js';
import { StripeSync } from './stripe/stripe-sync.service.js';
import { UsageReportsRepository } from './stripe/usage-reports.repository.js';
import { UsageReports } from './stripe/usage-reports.service.js';
import { SubscriptionsController } from './subscriptions.controller.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';
import { SubscriptionsService } from './subscriptions.service.js';
import { UsageRepository } from './usage.repository.js';
import { UsageService } from './usage.service.js';
import { UsageClosings } from './usage-closings.js';
import { UsageCollector } from './usage-collector.js';
import { UsageMeter } from './usage-meter.js';
import { StripeEventsRepository } from './webhooks/stripe-events.repository.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';
import { WebhooksService } from './webhooks/webhooks.service.js';

@Module({
  imports: [MonitoringModule, TelemetryModule, TenantsModule],
  controllers: [
    BillingChannelController,
    BillingController,
    TenantBillingController,
    SubscriptionsController,
    InvoicesController,
    ReconciliationController,
    WebhooksController,
  ],
  providers: [
    BillingAccountsRepository,
    HistoryRepository,
    InvoicesRepository,
    SubscriptionsRepository,
    UsageRepository,
    ReconciliationRepository,
    StripeEventsRepository,
    UsageReportsRepository,
    BillingChannel,
    BillingMetrics,
    BillingMetricsReadModel,
    BillingRecord,
    BillingService,
    BuiltinProvider,
    ChangeDecisions,
    Entitlements,
    Invoicing,
    InvoicesService,
    ReconciliationService,
    Renewals,
    StripeCatalog,
    StripeSubscriptions,
    StripeOrders,
    StripeCustomers,
    StripeCheckouts,
    StripeChanges,
    StripeEvents,
    StripeGateway,
    StripeProvider,
    StripeSync,
    SubscriptionsService,
    UsageClosings,
    UsageCollector,
    UsageMeter,
    UsageReports,
    UsageService,
    WebhooksService,
    {
      provide: PaymentProvider,
      inject: [StripeGateway, BuiltinProvider, StripeProvider],
      useFactory: (
        gateway: StripeGateway,
        builtin: BuiltinProvider,
        stripe: StripeProvider,
      ): PaymentProvider => (gateway.configured ? stripe : builtin),
    },
  ],
  exports: [UsageMeter, UsageService],
})
export class BillingModule {}
