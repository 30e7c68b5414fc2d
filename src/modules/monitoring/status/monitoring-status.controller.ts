import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access } from '../../../platform/security/index.js';
import { SettingsService } from '../../settings/index.js';
import { StatusService } from '../../status/index.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { ClusterOverview } from '../cluster-overview.js';
import { HostMetricsService } from '../system/host-metrics.service.js';
import { type AlertsSummary, MonitoringStatusResponse } from './monitoring-status.dto.js';

@ApiTags('Monitoring: system')
@Controller(['api/monitoring/status', 'monitoring/status'])
export class MonitoringStatusController {
  constructor(
    private readonly settings: SettingsService,
    private readonly status: StatusService,
    private readonly alerts: AlertsService,
    private readonly host: HostMetricsService,
    private readonly cluster: ClusterOverview,
  ) {}

  @Get()
  @Access('system.read')
  @ApiOperation({ summary: 'Alerts, services and health in one' })
  async read(): Promise<MonitoringStatusResponse> {
    const { status } = await this.status.health();
    const summary = await this.alerts.firing(null);
    return {
      monitoring_active: this.settings.current.monitoring_enabled,
      last_update: (this.host.latest?.at ?? new Date()).toISOString(),
      alerts_summary: summary,
      services_status: this.cluster.current.services,
      cluster_health: healthOf(summary, status !== 'unhealthy'),
    };
  }
}

function healthOf(summary: AlertsSummary, works: boolean): MonitoringStatusResponse['cluster_health'] {
  if (!works || summary.critical > 0) return 'critical';
  return summary.warning > 0 ? 'degraded' : 'healthy';
}
