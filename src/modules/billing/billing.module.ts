import { Module } from '@nestjs/common';
import { TelemetryModule } from '../telemetry/index.js';
import { TenantsModule } from '../tenants/index.js';
import { BillingAccountsRepository } from './accounts.repository.js';
import { BillingController, TenantBillingController } from './billing.controller.js';
import { BillingService } from './billing.service.js';
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
import { Renewals } from './renewals.service.js';
import { StripeEvents } from './stripe/stripe-events.service.js';
import { StripeGateway } from './stripe/stripe-gateway.js';
import { StripeSync } from './stripe/stripe-sync.service.js';
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
  imports: [TelemetryModule, TenantsModule],
  controllers: [
    BillingController,
    TenantBillingController,
    SubscriptionsController,
    InvoicesController,
    WebhooksController,
  ],
  providers: [
    BillingAccountsRepository,
    HistoryRepository,
    InvoicesRepository,
    SubscriptionsRepository,
    UsageRepository,
    StripeEventsRepository,
    BillingRecord,
    BillingService,
    BuiltinProvider,
    ChangeDecisions,
    Entitlements,
    Invoicing,
    InvoicesService,
    Renewals,
    StripeEvents,
    StripeGateway,
    StripeSync,
    SubscriptionsService,
    UsageClosings,
    UsageCollector,
    UsageMeter,
    UsageService,
    WebhooksService,
    { provide: PaymentProvider, useExisting: BuiltinProvider },
  ],
  exports: [UsageMeter, UsageService],
})
export class BillingModule {}
