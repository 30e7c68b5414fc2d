import { Module } from '@nestjs/common';
import { BackendsModule } from '../backends/index.js';
import { CertificatesModule } from '../certificates/index.js';
import { ClusterModule } from '../cluster/index.js';
import { SettingsModule } from '../settings/index.js';
import { StatusModule } from '../status/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { TenantsModule } from '../tenants/index.js';
import { AlertmanagerService } from './alerts/alertmanager.service.js';
import { AlertsController } from './alerts/alerts.controller.js';
import { AlertsRepository } from './alerts/alerts.repository.js';
import { AlertsService } from './alerts/alerts.service.js';
import { DeliveryQueue } from './alerts/delivery-queue.js';
import { NotificationChannels } from './alerts/notification-channels.js';
import { NotificationTest } from './alerts/notification-test.js';
import { BackendsChannel } from './channels/backends.channel.js';
import { SecurityChannel } from './channels/security.channel.js';
import { SecurityEventsReadModel } from './channels/security-events.read-model.js';
import { SystemChannels } from './channels/system.channels.js';
import { ClusterOverview } from './cluster-overview.js';
import { LogsController } from './logs/logs.controller.js';
import { ProgramLogRepository } from './logs/program-log.repository.js';
import { ProgramLogService } from './logs/program-log.service.js';
import { DashboardGateway } from './realtime/dashboard.gateway.js';
import { LiveChannelsController } from './realtime/live-channels.controller.js';
import { RealtimeController } from './realtime/realtime.controller.js';
import { RealtimeService } from './realtime/realtime.service.js';
import { SessionWatch } from './realtime/session-watch.js';
import { BackendsInPoolsReadModel } from './rules/backends-in-pools.read-model.js';
import { CertificateRules } from './rules/certificate-rules.js';
import { HostRules } from './rules/host-rules.js';
import { LeaderRules } from './rules/leader-rules.js';
import { QuotaRules } from './rules/quota-rules.js';
import { RequestQuotasReadModel } from './rules/request-quotas.read-model.js';
import { MonitoringStatusController } from './status/monitoring-status.controller.js';
import { HostMetricsService } from './system/host-metrics.service.js';
import { HostSampler } from './system/host-sampler.js';
import { RealtimeMetrics } from './system/realtime-metrics.service.js';
import { SystemController } from './system/system.controller.js';
import { SystemMetricsRepository } from './system/system-metrics.repository.js';
import { TenantInventoryReadModel } from './tenant/tenant-inventory.read-model.js';
import { TenantLogReadModel } from './tenant/tenant-log.read-model.js';
import { TenantMonitoringController } from './tenant/tenant-monitoring.controller.js';
import { TenantMonitoringService } from './tenant/tenant-monitoring.service.js';
import { AnalyticsService } from './traffic/analytics.service.js';
import { ObjectNamesReadModel } from './traffic/object-names.read-model.js';
import { TrafficController } from './traffic/traffic.controller.js';
import { TrafficWindow } from './traffic/traffic-window.js';

const alerts = [
  AlertsService,
  AlertsRepository,
  AlertmanagerService,
  DeliveryQueue,
  NotificationChannels,
  NotificationTest,
];
const rules = [
  HostRules,
  LeaderRules,
  QuotaRules,
  CertificateRules,
  BackendsInPoolsReadModel,
  RequestQuotasReadModel,
];
const system = [HostMetricsService, HostSampler, SystemMetricsRepository, RealtimeMetrics, ClusterOverview];
const traffic = [TrafficWindow, AnalyticsService, ObjectNamesReadModel];
const tenant = [TenantMonitoringService, TenantLogReadModel, TenantInventoryReadModel];
const logs = [ProgramLogService, ProgramLogRepository];
const realtime = [
  RealtimeService,
  SessionWatch,
  DashboardGateway,
  SystemChannels,
  SecurityChannel,
  SecurityEventsReadModel,
  BackendsChannel,
];

@Module({
  imports: [
    BackendsModule,
    CertificatesModule,
    ClusterModule,
    SettingsModule,
    StatusModule,
    TelemetryModule,
    TenantsModule,
  ],
  controllers: [
    AlertsController,
    LiveChannelsController,
    LogsController,
    MonitoringStatusController,
    RealtimeController,
    SystemController,
    TenantMonitoringController,
    TrafficController,
  ],
  providers: [...alerts, ...rules, ...system, ...traffic, ...tenant, ...logs, ...realtime],
  exports: [AlertsService, ClusterOverview, HostMetricsService, ProgramLogService],
})
export class MonitoringModule {}
