export const SEVERITIES = ['INFO', 'WARNING', 'CRITICAL'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const ALERT_STATES = ['firing', 'resolved'] as const;
export type AlertState = (typeof ALERT_STATES)[number];

/** What a module reports as wrong. */
export interface AlertReport {
  /**
   * What is wrong, as a stable key of the module's own (`worker_offline:<id>`). While an alert with it fires, another
   * report is counted on it instead of making a second one.
   */
  fingerprint: string;
  severity: Severity;
  /** What it is about, in upper case: `CPU`, `BACKEND`, `WORKER`, `BILLING`. */
  component: string;
  /** One sentence for people. No secrets. */
  message: string;
  /** Whose it is; left out or null: the installation's, which only superadmins see. */
  tenantId?: string | null;
  labels?: Record<string, string>;
  /** `internal` when left out. */
  source?: 'internal' | 'alertmanager';
  startedAt?: Date;
}

/** Notification: an alert fires, has been resolved or acknowledged. */
export const ALERT_CHANGED = 'alert';
export interface AlertChanged {
  id: string;
  tenantId: string | null;
  change: 'firing' | 'resolved' | 'acknowledged';
}
