import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { Notifications } from '../../../platform/database/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { StatusService } from '../../status/index.js';
import { ALERT_CHANGED, type AlertChanged } from '../alerts/alert.js';
import { AlertResponse } from '../alerts/alerts.dto.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { ClusterOverview } from '../cluster-overview.js';
import type { DashboardState, FiringAlerts, HealthState } from '../realtime/frames.dto.js';
import { HostMetricsService } from '../system/host-metrics.service.js';
import { RealtimeMetrics } from '../system/realtime-metrics.service.js';

const SECOND = 1000;

/** The channels about the installation itself: metrics, status, health, the operators' dashboard, alerts. */
@Injectable()
export class SystemChannels implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly channels: Channels,
    private readonly notifications: Notifications,
    private readonly metrics: RealtimeMetrics,
    private readonly status: StatusService,
    private readonly host: HostMetricsService,
    private readonly alerts: AlertsService,
    private readonly cluster: ClusterOverview,
  ) {}

  onModuleInit(): void {
    this.channels.define({
      name: 'metrics',
      summary: 'Load of this machine and traffic of this node',
      access: 'realtime.read',
      scope: 'tenant',
      intervalMs: 2 * SECOND,
      state: (view) => this.metrics.read(view),
    });
    this.channels.define({
      name: 'status',
      summary: 'Status of the product',
      access: null,
      scope: 'installation',
      intervalMs: 10 * SECOND,
      state: () => this.status.health(),
    });
    this.channels.define({
      name: 'health',
      summary: 'Whether the product works',
      access: null,
      scope: 'installation',
      intervalMs: 15 * SECOND,
      state: () => this.health(),
    });
    this.channels.define({
      name: 'dashboard',
      type: 'realtime_update',
      summary: 'Machine, workers and alerts for the operators’ dashboard; also /ws/{client_id}',
      access: 'cluster.read',
      scope: 'installation',
      intervalMs: 3 * SECOND,
      state: () => this.dashboard(),
    });
    this.channels.define({
      name: 'alerts',
      summary: 'Alerts that fire',
      access: 'alerts.read',
      scope: 'tenant',
      state: (view) => this.firing(view),
    });
  }

  onApplicationBootstrap(): void {
    this.notifications.on<AlertChanged>(ALERT_CHANGED, ({ tenantId }) => {
      this.channels.refresh('alerts', tenantId);
      this.channels.refresh('dashboard');
      this.channels.refresh('health');
    });
  }

  private async health(): Promise<HealthState> {
    const { status, timestamp, components } = await this.status.health();
    return { healthy: status === 'healthy', timestamp, status, components };
  }

  private async dashboard(): Promise<DashboardState> {
    const sample = await this.host.current();
    const alerts = await this.alerts.firing(null);
    const { total_workers, active_workers, status, services } = this.cluster.current;
    return {
      system_metrics: {
        cpu_percent: sample.cpuPercent,
        memory_percent: sample.memory.percent,
        disk_percent: sample.disk.percent,
        network_rx: sample.networkRx,
        network_tx: sample.networkTx,
      },
      cluster_status: { total_workers, active_workers, status },
      services_status: services,
      alerts_count: alerts.total,
      alerts_summary: alerts,
      workers_count: total_workers,
      active_workers,
    };
  }

  private async firing(view: string | null): Promise<FiringAlerts> {
    const page = await this.alerts.firingPage(view);
    return { total: page.total, alerts: page.items.map(AlertResponse.from) };
  }
}
