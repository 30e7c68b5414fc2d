export class AlertsSummary {
  /** @example 0 */
  critical: number;
  /** @example 2 */
  warning: number;
  /** @example 5 */
  info: number;
  /** @example 7 */
  total: number;
}

export class ServicesStatus {
  /** @example true */
  ollama: boolean;
  /** @example true */
  dask: boolean;
  /** @example true */
  webui: boolean;
}

export class MonitoringStatusResponse {
  /**
   * The setting `monitoring_enabled`.
   * @example true
   */
  monitoring_active: boolean;
  /**
   * When this node last sampled its machine; when it was asked, before the first sample.
   * @example 2026-06-19T15:30:00.000Z
   */
  last_update: string;
  /** Alerts that fire now. */
  alerts_summary: AlertsSummary;
  services_status: ServicesStatus;
  /**
   * `critical`: a critical alert fires or a needed part is down. `degraded`: a warning fires.
   * @example healthy
   */
  cluster_health: 'healthy' | 'degraded' | 'critical';
}
