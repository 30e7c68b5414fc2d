import { Injectable } from '@nestjs/common';
import { IsNull, Not } from 'typeorm';
import { defined } from '../../../common/defined.js';
import { newId } from '../../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import { Alert } from './alert.entity.js';
import type { AlertReport, AlertState, Severity } from './alert.js';
import { AlertDelivery } from './alert-delivery.entity.js';

export interface AlertFilter {
  severity?: Severity;
  state?: AlertState;
  component?: string;
  acknowledged?: boolean;
}

export type AlertCounts = Record<'critical' | 'warning' | 'info' | 'total', number>;

const COLUMNS = columnsOf(Alert);

/** Alerts; writing takes a system transaction. Reading shows a tenant's transaction that tenant's only. */
@Injectable()
export class AlertsRepository {
  /** Makes an alert, or counts the report on the one that fires. @returns it, and whether it is new */
  async fire(tx: Transaction, report: AlertReport): Promise<{ alert: Alert; isNew: boolean }> {
    const [{ is_new: isNew, ...alert }] = await tx.query(
      `INSERT INTO alerts (id, tenant_id, fingerprint, source, severity, component, message, labels, started_at)
       VALUES ($1, (SELECT id FROM tenants WHERE id = $2), $3, $4, $5, $6, $7, $8, coalesce($9, clock_timestamp()))
       ON CONFLICT (fingerprint) WHERE state = 'firing' DO UPDATE SET
         occurrences = alerts.occurrences + 1, last_seen_at = clock_timestamp(),
         severity = EXCLUDED.severity, message = EXCLUDED.message, labels = EXCLUDED.labels
       RETURNING ${COLUMNS}, xmax = 0 AS is_new`,
      [
        newId('alert'),
        report.tenantId ?? null,
        report.fingerprint,
        report.source ?? 'internal',
        report.severity,
        report.component,
        report.message,
        report.labels ?? {},
        report.startedAt ?? null,
      ],
    );
    return { alert, isNew };
  }

  /** Null when none with this fingerprint fires. */
  async resolve(tx: Transaction, fingerprint: string): Promise<Alert | null> {
    const [rows] = await tx.query(
      `UPDATE alerts SET state = 'resolved', resolved_at = clock_timestamp()
       WHERE fingerprint = $1 AND state = 'firing' RETURNING ${COLUMNS}`,
      [fingerprint],
    );
    return rows[0] ?? null;
  }

  /** Null when there is none, or it is another tenant's. An acknowledged one keeps who was first. */
  async acknowledge(tx: Transaction, id: string, by: string): Promise<Alert | null> {
    const [rows] = await tx.query(
      `UPDATE alerts SET acknowledged_at = coalesce(acknowledged_at, clock_timestamp()),
         acknowledged_by = coalesce(acknowledged_by, $2)
       WHERE id = $1 RETURNING ${COLUMNS}`,
      [id, by],
    );
    return rows[0] ?? null;
  }

  get(tx: Transaction, id: string): Promise<Alert | null> {
    return tx.getRepository(Alert).findOneBy({ id });
  }

  /** Queues one notification a channel; what is queued already stays as it is. */
  async addDeliveries(
    tx: Transaction,
    alert: Alert,
    event: AlertDelivery['event'],
    channels: readonly AlertDelivery['channel'][],
  ): Promise<void> {
    const { tenant_id, id: alert_id } = alert;
    await tx
      .createQueryBuilder()
      .insert()
      .into(AlertDelivery)
      .values(channels.map((channel) => ({ id: newId('delivery'), tenant_id, alert_id, channel, event })))
      .orIgnore()
      .updateEntity(false)
      .execute();
  }

  /** Newest first. @param tenantId null: everything that the transaction may see */
  async page(
    tx: Transaction,
    tenantId: string | null,
    filter: AlertFilter,
    request: PageRequest,
  ): Promise<Page<Alert>> {
    const { severity, state, component, acknowledged } = filter;
    const acknowledged_at = acknowledged === undefined ? undefined : acknowledged ? Not(IsNull()) : IsNull();
    const [items, total] = await tx.getRepository(Alert).findAndCount({
      where: defined({ tenant_id: tenantId ?? undefined, severity, state, component, acknowledged_at }),
      order: { started_at: 'DESC', id: 'DESC' },
      skip: offsetOf(request),
      take: request.limit,
    });
    return new Page(items, total, request.page, request.limit);
  }

  /** Alerts that fire now. @param tenantId null: everything that the transaction may see */
  async firing(tx: Transaction, tenantId: string | null): Promise<AlertCounts> {
    const [row] = await tx.query(
      `SELECT count(*) FILTER (WHERE severity = 'CRITICAL')::int AS critical,
              count(*) FILTER (WHERE severity = 'WARNING')::int AS warning,
              count(*) FILTER (WHERE severity = 'INFO')::int AS info, count(*)::int AS total
       FROM alerts WHERE state = 'firing' AND ($1::text IS NULL OR tenant_id = $1)`,
      [tenantId],
    );
    return row;
  }

  fires(tx: Transaction, fingerprint: string): Promise<boolean> {
    return tx.getRepository(Alert).existsBy({ fingerprint, state: 'firing' });
  }

  /** Fingerprints of firing alerts that begin with `prefix`. */
  async firingWithPrefix(tx: Transaction, prefix: string): Promise<string[]> {
    const rows: { fingerprint: string }[] = await tx.query(
      `SELECT fingerprint FROM alerts WHERE state = 'firing' AND starts_with(fingerprint, $1)`,
      [prefix],
    );
    return rows.map((row) => row.fingerprint);
  }

  async deleteResolvedBefore(tx: Transaction, days: number): Promise<void> {
    await tx.query(
      `DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE state = 'resolved'
         AND resolved_at < clock_timestamp() - make_interval(days => $1) LIMIT 5000)`,
      [days],
    );
  }
}
