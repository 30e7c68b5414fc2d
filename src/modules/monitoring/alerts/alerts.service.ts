import { Injectable, Logger } from '@nestjs/common';
import { notFound } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database, Notifications, type Transaction } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import type { Principal } from '../../../platform/security/index.js';
import { requireTenant } from '../../tenants/index.js';
import type { Alert } from './alert.entity.js';
import { ALERT_CHANGED, type AlertChanged, type AlertReport } from './alert.js';
import { type AlertCounts, type AlertFilter, AlertsRepository } from './alerts.repository.js';
import { DeliveryQueue } from './delivery-queue.js';

/**
 * What is wrong right now. Any module reports by a fingerprint: the first report fires an alert and sends the
 * notifications, further ones are counted on it, `resolve` ends it. Both are safe to call again and again, from any
 * node.
 */
@Injectable()
export class AlertsService {
  private readonly logger = new Logger('alerts');

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly alerts: AlertsRepository,
    private readonly deliveries: DeliveryQueue,
    private readonly journal: Journal,
  ) {}

  /** Reports that something is wrong, in a transaction of its own. */
  fire(report: AlertReport): Promise<Alert> {
    return this.database.system((tx) => this.fireIn(tx, report));
  }

  /** As `fire`, in the caller's system transaction. */
  async fireIn(tx: Transaction, report: AlertReport): Promise<Alert> {
    const { alert, isNew } = await this.alerts.fire(tx, report);
    if (!isNew) return alert;
    this.database.afterCommit(tx, () =>
      this.logger.warn(`${alert.severity} ${alert.component}: ${alert.message}`),
    );
    await this.deliveries.enqueue(tx, alert, 'firing');
    await this.announce(tx, alert, 'firing');
    return alert;
  }

  /** Reports that it is well again. @returns false when no such alert fired */
  resolve(fingerprint: string): Promise<boolean> {
    return this.database.system((tx) => this.resolveIn(tx, fingerprint));
  }

  /** As `resolve`, in the caller's system transaction. */
  async resolveIn(tx: Transaction, fingerprint: string): Promise<boolean> {
    const alert = await this.alerts.resolve(tx, fingerprint);
    if (!alert) return false;
    this.database.afterCommit(tx, () => this.logger.log(`resolved: ${alert.message}`));
    await this.deliveries.enqueue(tx, alert, 'resolved');
    await this.announce(tx, alert, 'resolved');
    return true;
  }

  /** Whether an alert with this fingerprint fires. */
  fires(fingerprint: string): Promise<boolean> {
    return this.database.system((tx) => this.alerts.fires(tx, fingerprint));
  }

  /** Newest first; a superadmin's cover all tenants and the installation. */
  list(principal: Principal, filter: AlertFilter, request: PageRequest): Promise<Page<Alert>> {
    return principal.role === 'superadmin'
      ? this.database.system((tx) => this.alerts.page(tx, null, filter, request))
      : this.ofTenant(principal, principal.tenantId, filter, request);
  }

  /** @throws AppError 404, also for another tenant's */
  async get(principal: Principal, id: string): Promise<Alert> {
    const work = (tx: Transaction) => this.alerts.get(tx, id);
    const alert = await (principal.role === 'superadmin'
      ? this.database.system(work)
      : this.database.tenant(principal.tenantId, work));
    if (!alert) throw notFound('Alert', id);
    return alert;
  }

  /** @throws AppError 404 for another tenant */
  async ofTenant(
    principal: Principal,
    tenantId: string,
    filter: AlertFilter,
    request: PageRequest,
  ): Promise<Page<Alert>> {
    requireTenant(principal, tenantId);
    return this.database.tenant(tenantId, (tx) => this.alerts.page(tx, tenantId, filter, request));
  }

  /** The newest hundred that fire. @param tenantId null: of all tenants and the installation */
  firingPage(tenantId: string | null): Promise<Page<Alert>> {
    const request = { page: 1, limit: 100 };
    const work = (tx: Transaction) => this.alerts.page(tx, tenantId, { state: 'firing' }, request);
    return tenantId === null ? this.database.system(work) : this.database.tenant(tenantId, work);
  }

  /** Firing alerts by severity. @param tenantId null: of all tenants and the installation */
  firing(tenantId: string | null): Promise<AlertCounts> {
    return tenantId === null
      ? this.database.system((tx) => this.alerts.firing(tx, null))
      : this.database.tenant(tenantId, (tx) => this.alerts.firing(tx, tenantId));
  }

  /** Says that somebody looks after it. @throws AppError 404 */
  acknowledge(principal: Principal, id: string): Promise<Alert> {
    const work = async (tx: Transaction) => {
      const alert = await this.alerts.acknowledge(tx, id, principal.email);
      if (!alert) throw notFound('Alert', id);
      await this.journal.record(tx, {
        tenantId: alert.tenant_id,
        action: 'alert.acknowledged',
        message: `Alert acknowledged: ${alert.message}`,
        object: { type: 'alert', id, name: alert.message },
      });
      await this.announce(tx, alert, 'acknowledged');
      return alert;
    };
    return principal.role === 'superadmin'
      ? this.database.system(work)
      : this.database.tenant(principal.tenantId, work);
  }

  private async announce(tx: Transaction, alert: Alert, change: AlertChanged['change']): Promise<void> {
    const event: AlertChanged = { id: alert.id, tenantId: alert.tenant_id, change };
    await this.notifications.publish(tx, ALERT_CHANGED, event);
    if (alert.tenant_id === null || change === 'acknowledged') return;
    const { id, severity, component, message, labels } = alert;
    await this.journal.emit(tx, {
      tenantId: alert.tenant_id,
      type: change === 'firing' ? 'alert.fired' : 'alert.resolved',
      data: { id, severity, component, message, labels, started_at: alert.started_at.toISOString() },
    });
  }
}
