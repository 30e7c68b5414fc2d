import { Module } from '@nestjs/common';
import { migrations } from '../migrations/index.js';
import { AdministrationModule } from './modules/administration/index.js';
import { AiModule } from './modules/ai/index.js';
import { AuthModule } from './modules/auth/index.js';
import { BackendsModule } from './modules/backends/index.js';
import { BackupModule } from './modules/backup/index.js';
import { BillingModule } from './modules/billing/index.js';
import { CertificatesModule } from './modules/certificates/index.js';
import { ConfigurationModule } from './modules/configuration/index.js';
import { DataPlaneModule } from './modules/dataplane/index.js';
import { MonitoringModule } from './modules/monitoring/index.js';
import { PoolsModule } from './modules/pools/index.js';
import { RoutesModule } from './modules/routes/index.js';
import { SettingsModule } from './modules/settings/index.js';
import { StatusModule } from './modules/status/index.js';
import { TelemetryModule } from './modules/telemetry/index.js';
import { TenantsModule } from './modules/tenants/index.js';
import { WebhooksModule } from './modules/webhooks/index.js';
import { WorkersModule } from './modules/workers/index.js';
import { ConfigModule } from './platform/config/config.module.js';
import { DatabaseModule } from './platform/database/index.js';
import { HttpModule } from './platform/http/index.js';
import { HttpClientModule } from './platform/http-client/index.js';
import { JobsModule } from './platform/jobs/index.js';
import { JournalModule } from './platform/journal/index.js';
import { MailModule } from './platform/mail/index.js';
import { ObservabilityModule } from './platform/observability/index.js';
import { RealtimeModule } from './platform/realtime/index.js';
import { SecurityModule } from './platform/security/index.js';

@Module({
  imports: [
    ConfigModule,
    DatabaseModule.forRoot(migrations),
    ObservabilityModule,
    HttpModule,
    HttpClientModule,
    MailModule,
    SecurityModule,
    JournalModule,
    JobsModule,
    RealtimeModule,
    SettingsModule,
    TelemetryModule,
    TenantsModule,
    AuthModule,
    BackendsModule,
    PoolsModule,
    RoutesModule,
    CertificatesModule,
    DataPlaneModule,
    BillingModule,
    AiModule,
    ConfigurationModule,
    AdministrationModule,
    WebhooksModule,
    BackupModule,
    StatusModule,
    MonitoringModule,
    WorkersModule,
  ],
})
export class AppModule {}
