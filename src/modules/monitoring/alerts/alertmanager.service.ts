import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { badRequest, unauthorized } from '../../../common/errors.js';
import { Environment } from '../../../platform/config/environment.js';
import { Database } from '../../../platform/database/index.js';
import { parseBody, requestContext } from '../../../platform/http/index.js';
import type { AlertReport, Severity } from './alert.js';
import { type AlertmanagerAlert, AlertmanagerWebhook, type WebhookAnswer } from './alerts.dto.js';
import { AlertsService } from './alerts.service.js';

const SEVERITY_OF: Record<string, Severity> = {
  critical: 'CRITICAL',
  page: 'CRITICAL',
  error: 'CRITICAL',
  warning: 'WARNING',
  info: 'INFO',
  none: 'INFO',
};

/** Takes what Prometheus' Alertmanager reports (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config). */
@Injectable()
export class AlertmanagerService {
  constructor(
    private readonly environment: Environment,
    private readonly database: Database,
    private readonly alerts: AlertsService,
  ) {}

  /**
   * The shared bearer token, or, where none is configured outside production, a caller on this machine.
   * @throws AppError 401
   */
  authorize(authorization: string | undefined): void {
    const expected = this.environment.ALERT_WEBHOOK_TOKEN;
    if (expected) {
      const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
      if (!timingSafeEqual(sha256(given), sha256(expected)))
        throw unauthorized('The webhook needs the token of ALERT_WEBHOOK_TOKEN');
    } else if (this.environment.production || !isLoopback(requestContext()?.address ?? ''))
      throw unauthorized('ALERT_WEBHOOK_TOKEN is not set, so the webhook is closed');
  }

  /** Delivered again, the same report changes nothing but the count. @throws AppError 400, 422 */
  async receive(body: unknown): Promise<WebhookAnswer> {
    const { alerts } = await parse(body);
    const firing = alerts.filter((alert) => alert.status === 'firing');
    const resolved = alerts.filter((alert) => alert.status === 'resolved');
    await this.database.system(async (tx) => {
      for (const alert of firing) await this.alerts.fireIn(tx, reportOf(alert));
      for (const alert of resolved) await this.alerts.resolveIn(tx, fingerprintOf(alert));
    });
    return { status: 'accepted', firing: firing.length, resolved: resolved.length };
  }
}

async function parse(body: unknown): Promise<AlertmanagerWebhook> {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw badRequest('BAD_REQUEST', 'The body must be a JSON object');
  // Alertmanager adds fields from version to version
  return parseBody(AlertmanagerWebhook, body, { forbidNonWhitelisted: false });
}

function reportOf(alert: AlertmanagerAlert): AlertReport {
  const labels = texts(alert.labels);
  const annotations = texts(alert.annotations ?? {});
  const name = labels.alertname ?? 'alert';
  const summary = annotations.summary ?? annotations.description ?? '';
  return {
    fingerprint: fingerprintOf(alert),
    source: 'alertmanager',
    severity: SEVERITY_OF[(labels.severity ?? '').toLowerCase()] ?? 'WARNING',
    component: (labels.component ?? labels.service ?? labels.job ?? 'alertmanager')
      .slice(0, 100)
      .toUpperCase(),
    message: (summary.includes(name) ? summary : summary ? `${name}: ${summary}` : name).slice(0, 1000),
    labels,
    tenantId: labels.tenant_id ?? null,
    startedAt: alert.startsAt ? new Date(alert.startsAt) : undefined,
  };
}

/** Labels with other values than text are dropped: Prometheus has none. */
const texts = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
      .slice(0, 64)
      .map(([key, value]) => [key.slice(0, 200), value.slice(0, 1000)]),
  );

function fingerprintOf(alert: AlertmanagerAlert): string {
  if (alert.fingerprint) return `alertmanager:${alert.fingerprint}`;
  const labels = Object.entries(texts(alert.labels)).sort(([a], [b]) => (a < b ? -1 : 1));
  return `alertmanager:${createHash('sha256').update(JSON.stringify(labels)).digest('hex')}`;
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const isLoopback = (address: string): boolean =>
  /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/.test(address);
