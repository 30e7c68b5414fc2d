import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import '../../../../test/support/quiet.js';
import { newId } from '../../../common/ids.js';
import { Journal } from '../../../platform/journal/index.js';
import type { Principal } from '../../../platform/security/index.js';
import { ALERT_CHANGED, type AlertChanged, type AlertReport } from './alert.js';
import { AlertsRepository } from './alerts.repository.js';
import { AlertsService } from './alerts.service.js';
import { DeliveryQueue } from './delivery-queue.js';
import type { NotificationChannel, NotificationChannels } from './notification-channels.js';

const PAGE = { page: 1, limit: 50 };

describe('AlertsService', () => {
  let db: TestDatabase;
  let alerts: AlertsService;
  let channels: NotificationChannel[];

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  beforeEach(async () => {
    await db.sql('DELETE FROM alerts');
    channels = [];
    const repository = new AlertsRepository();
    const enabled = { enabled: () => channels } as unknown as NotificationChannels;
    const queue = new DeliveryQueue(db.database, db.notifications, repository, enabled);
    const journal = new Journal(db.database, db.notifications);
    alerts = new AlertsService(db.database, db.notifications, repository, queue, journal);
  });
  afterAll(() => db.close());

  const report = (over: Partial<AlertReport> = {}): AlertReport => ({
    fingerprint: 'disk:node-1',
    severity: 'WARNING',
    component: 'DISK',
    message: 'Disk is full',
    ...over,
  });
  const principal = (tenantId: string, role: Principal['role'] = 'member') =>
    ({ tenantId, role, email: `${role}@example.com` }) as Principal;
  const superadmin = principal('tenant_none', 'superadmin');
  const tenant = async () => {
    const id = newId('tenant');
    await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $1)', [id]);
    return id;
  };
  const all = async () => (await alerts.list(superadmin, {}, PAGE)).items;

  it('fires once and counts what is reported again, also from many at once', async () => {
    const fired = await Promise.all(Array.from({ length: 10 }, () => alerts.fire(report())));
    expect(new Set(fired.map((alert) => alert.id)).size).toBe(1);
    expect(await all()).toMatchObject([{ state: 'firing', occurrences: 10 }]);
  });

  it('tells everybody of the first report only, and of the end', async () => {
    const changes: string[] = [];
    const end = db.notifications.on<AlertChanged>(ALERT_CHANGED, ({ change }) => changes.push(change));
    await alerts.fire(report());
    await alerts.fire(report());
    expect(await alerts.resolve('disk:node-1')).toBe(true);
    expect(await alerts.resolve('disk:node-1')).toBe(false);
    end();
    expect(changes).toEqual(['firing', 'resolved']);
  });

  it('makes a new alert when it happens again after the end', async () => {
    const first = await alerts.fire(report());
    await alerts.resolve(first.fingerprint);
    const second = await alerts.fire(report({ severity: 'CRITICAL' }));
    expect(second.id).not.toBe(first.id);
    expect((await all()).map((a) => a.state)).toEqual(['firing', 'resolved']);
    expect(await alerts.firing(null)).toEqual({ critical: 1, warning: 0, info: 0, total: 1 });
  });

  it('writes one delivery a channel for the start and one for the end, with the alert or not at all', async () => {
    channels = ['email', 'webhook'];
    await alerts.fire(report());
    await alerts.fire(report());
    await alerts.resolve('disk:node-1');
    const failing = db.database.system(async (tx) => {
      await alerts.fireIn(tx, report({ fingerprint: 'other' }));
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    const rows = await db.sql('SELECT channel, event FROM notification_deliveries ORDER BY event, channel');
    expect(rows.map((r) => `${r.event} ${r.channel}`)).toEqual([
      'firing email',
      'firing webhook',
      'resolved email',
      'resolved webhook',
    ]);
  });

  it('shows a tenant its own alerts, and not the installation’s', async () => {
    const [mine, other] = [await tenant(), await tenant()];
    const own = await alerts.fire(report({ fingerprint: 'a', tenantId: mine }));
    const foreign = await alerts.fire(report({ fingerprint: 'b', tenantId: other }));
    await alerts.fire(report({ fingerprint: 'c' }));
    const page = await alerts.list(principal(mine), {}, PAGE);
    expect(page.items.map((alert) => alert.id)).toEqual([own.id]);
    expect(page.total).toBe(1);
    expect((await alerts.firing(mine)).total).toBe(1);
    expect(await all()).toHaveLength(3);
    await expect(alerts.ofTenant(principal(mine), other, {}, PAGE)).rejects.toMatchObject({ status: 404 });
    await expect(alerts.acknowledge(principal(mine), foreign.id)).rejects.toMatchObject({ status: 404 });
  });

  it('keeps who acknowledged first, and writes it down', async () => {
    const mine = await tenant();
    const { id } = await alerts.fire(report({ tenantId: mine }));
    await alerts.acknowledge(principal(mine, 'member'), id);
    const again = await alerts.acknowledge(superadmin, id);
    expect(again.acknowledged_by).toBe('member@example.com');
    const entries = await db.sql(`SELECT tenant_id FROM audit_log WHERE action = 'alert.acknowledged'`);
    expect(entries).toEqual([{ tenant_id: mine }, { tenant_id: mine }]);
  });

  it('belongs to the installation when the tenant that it names does not exist', async () => {
    expect((await alerts.fire(report({ tenantId: newId('tenant') }))).tenant_id).toBeNull();
  });

  it('filters by severity, state and component', async () => {
    await alerts.fire(report({ fingerprint: 'a', severity: 'CRITICAL' }));
    await alerts.fire(report({ fingerprint: 'b', component: 'CPU' }));
    await alerts.fire(report({ fingerprint: 'c' }));
    await alerts.resolve('c');
    const found = async (filter: object) =>
      (await alerts.list(superadmin, filter, PAGE)).items.map((alert) => alert.fingerprint);
    expect(await found({ severity: 'CRITICAL' })).toEqual(['a']);
    expect(await found({ component: 'CPU' })).toEqual(['b']);
    expect(await found({ state: 'resolved' })).toEqual(['c']);
  });
});
