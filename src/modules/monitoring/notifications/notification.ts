type NotificationKind = 'alert.firing' | 'alert.resolved' | 'test';
type NotificationSeverity = 'CRITICAL' | 'WARNING' | 'INFO';

/** What people or programs are to be told. */
export interface Notification {
  /** The same at every attempt, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly kind: NotificationKind;
  readonly severity: NotificationSeverity;
  /** What it is about: a host, a service, a backend. */
  readonly component: string;
  /** One line. */
  readonly title: string;
  readonly message: string;
  readonly occurredAt: Date;
  /** Null when it concerns the installation. */
  readonly tenantId: string | null;
}

/** One line that says what kind of notification it is. */
export function headlineOf({ kind, severity, title }: Notification): string {
  const word = kind === 'alert.resolved' ? 'RESOLVED' : kind === 'test' ? 'TEST' : severity;
  return `[${word}] ${title}`;
}
