import { PickType } from '@nestjs/swagger';
import { frameOf } from '../../../platform/realtime/index.js';
import { BackendResponse } from '../../backends/index.js';
import { HealthResponse } from '../../status/index.js';
import { AlertResponse } from '../alerts/alerts.dto.js';
import { AlertsSummary, ServicesStatus } from '../status/monitoring-status.dto.js';
import { RealtimeMetricsResponse } from '../system/system.dto.js';

export class BackendsFrame extends frameOf('backends', [BackendResponse]) {}

export class BackendsChange {
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** New, or different from what was sent last. */
  updated: BackendResponse[];
  /**
   * Ids of backends that are gone.
   * @example []
   */
  removed: string[];
}
export class BackendsUpdateFrame extends frameOf('backends_update', BackendsChange) {}

export class MetricsFrame extends frameOf('metrics', RealtimeMetricsResponse) {}

export class StatusFrame extends frameOf('status', HealthResponse) {}

export class HealthState extends PickType(HealthResponse, ['timestamp', 'status', 'components']) {
  /** @example true */
  healthy: boolean;
}
export class HealthFrame extends frameOf('health', HealthState) {}

export class SecurityEventResponse {
  /** @example event_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /**
   * Null: of no tenant, such as a sign-in with a name that nobody has; superadmins see those.
   * @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  tenant_id: string | null;
  /** @example auth.login_failed */
  action: string;
  /** @example "Sign-in refused: wrong password" */
  message: string;
  /** @example warning */
  level: string;
  /** @example ada@example.com */
  actor: string;
  /** @example 203.0.113.7 */
  address: string | null;
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
}
export class SecurityEvents {
  /** The first frame: the last day's 50 newest; after it each event as it happens. */
  events: SecurityEventResponse[];
}
export class SecurityFrame extends frameOf('security', SecurityEvents) {}

export class FiringAlerts {
  /** @example 1 */
  total: number;
  /** The first hundred. */
  alerts: AlertResponse[];
}
export class AlertsFrame extends frameOf('alerts', FiringAlerts) {}

export class MachineLoad {
  /** @example 24.5 */
  cpu_percent: number;
  /** @example 61.2 */
  memory_percent: number;
  /** @example 48.9 */
  disk_percent: number;
  /**
   * Bytes a second.
   * @example 125000
   */
  network_rx: number;
  /**
   * Bytes a second.
   * @example 98000
   */
  network_tx: number;
}
export class ClusterSummary {
  /** @example 4 */
  total_workers: number;
  /** @example 3 */
  active_workers: number;
  /** @example degraded */
  status: string;
}
export class DashboardState {
  system_metrics: MachineLoad;
  cluster_status: ClusterSummary;
  services_status: ServicesStatus;
  /**
   * Alerts that fire.
   * @example 1
   */
  alerts_count: number;
  alerts_summary: AlertsSummary;
  /** @example 4 */
  workers_count: number;
  /** @example 3 */
  active_workers: number;
}
export class DashboardFrame extends frameOf('realtime_update', DashboardState) {}
