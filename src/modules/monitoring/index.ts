export { SEVERITIES, type Severity } from './alerts/alert.js';
export { AlertsService } from './alerts/alerts.service.js';
export { ClusterOverview, type ClusterReading } from './cluster-overview.js';
export { MonitoringModule } from './monitoring.module.js';
export { SIGNATURE_HEADER, signWebhook } from './notifications/index.js';
export { HostMetricsService } from './system/host-metrics.service.js';
