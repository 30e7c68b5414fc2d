import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import { newId } from '../../../common/ids.js';
import type { BackendStats } from '../../../common/traffic.js';
import type { Leader } from '../../../platform/jobs/index.js';
import type { NodeRow, NodesService } from '../../cluster/index.js';
import type { Settings, SettingsService } from '../../settings/index.js';
import { LiveBackends } from '../../telemetry/index.js';
import { AlertsRepository } from '../alerts/alerts.repository.js';
import type { AlertsService } from '../alerts/alerts.service.js';
import { BackendsInPoolsReadModel } from './backends-in-pools.read-model.js';
import { hostFingerprint } from './host-rules.js';
import { LeaderRules } from './leader-rules.js';

describe('LeaderRules', () => {
  const repository = new AlertsRepository();
  const live = new LiveBackends();
  let db: TestDatabase;
  let nodes: NodeRow[];
  let settings: Settings;
  let rules: LeaderRules;
  let fire: AlertsService['fire'];

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  beforeEach(async () => {
    await db.sql('TRUNCATE alerts, tenants CASCADE');
    nodes = [];
    settings = { monitoring_enabled: true } as Settings;
    live.set(new Map());
    fire = async (report) => (await db.database.system((tx) => repository.fire(tx, report))).alert;
    const alerts = {
      fire,
      resolve: (fingerprint: string) => db.database.system((tx) => repository.resolve(tx, fingerprint)),
    } as unknown as AlertsService;
    rules = new LeaderRules(
      { isLeader: true } as Leader,
      db.database,
      db.notifications,
      alerts,
      repository,
      { list: async () => nodes } as NodesService,
      live,
      new BackendsInPoolsReadModel(),
      {
        get current() {
          return settings;
        },
      } as SettingsService,
    );
  });
  afterAll(() => db.close());

  const firing = async () =>
    (await db.sql(`SELECT fingerprint FROM alerts WHERE state = 'firing' ORDER BY 1`)).map(
      (row) => row.fingerprint,
    );
  const node = (over: Partial<NodeRow>): NodeRow =>
    ({
      id: 'node_b',
      name: 'b',
      status: 'active',
      apply_error: null,
      last_seen: new Date(),
      ...over,
    }) as NodeRow;
  const health = (backendId: string, state: BackendStats['health']) =>
    live.set(new Map([[backendId, { backendId, health: state } as BackendStats]]));

  /** A backend that is down, with its alert. */
  const down = async () => {
    const [tenant, pool, backend] = [newId('tenant'), newId('pool'), newId('backend')];
    await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $1)', [tenant]);
    await db.sql(
      `INSERT INTO pools (id, tenant_id, name, algorithm, health_check, connect_timeout, response_timeout, retries)
       VALUES ($1, $2, 'web', 'round_robin', '{"enabled": true}', '1s', '1s', 0)`,
      [pool, tenant],
    );
    await db.sql(
      `INSERT INTO backends (id, tenant_id, pool_id, address, weight) VALUES ($1, $2, $3, '192.0.2.1:80', 1)`,
      [backend, tenant, pool],
    );
    health(backend, 'unhealthy');
    await rules.check();
    expect(await firing()).toEqual([`backend_down:${backend}`]);
    return backend;
  };

  it('goes on saying that a backend is down until it is known to be healthy', async () => {
    const backend = await down();
    health(backend, 'unknown'); // as after a change of the leader
    await rules.check();
    expect(await firing()).toHaveLength(1);
    health(backend, 'healthy');
    await rules.check();
    expect(await firing()).toEqual([]);
  });

  it.each([
    ['pool', `UPDATE pools SET health_check = '{"enabled": false}'`],
    ['backend', `UPDATE backends SET health_check = '{"enabled": false}'`],
  ])('stops saying that a backend is down when the %s has its checks switched off', async (_of, change) => {
    const backend = await down();
    await db.sql(change);
    health(backend, 'unknown');
    await rules.check();
    expect(await firing()).toEqual([]);
  });

  it.each(['down', 'left', null] as const)(
    'a configuration that is not applied is no alert of a node that is gone (%s)',
    async (status) => {
      nodes = [node({ apply_error: 'refused' })];
      await rules.check();
      expect(await firing()).toEqual(['config_not_applied:node_b']);
      nodes = [node({ apply_error: 'refused', status: 'draining' })];
      await rules.check();
      expect(await firing()).toEqual(['config_not_applied:node_b']);
      nodes = status === null ? [] : [node({ apply_error: 'refused', status })];
      await rules.check();
      expect(await firing()).not.toContain('config_not_applied:node_b');
    },
  );

  it('ends the alerts of a machine that is gone, not those of one that drains', async () => {
    const fingerprint = hostFingerprint('disk', 'b');
    await fire({ fingerprint, severity: 'WARNING', component: 'DISK', message: 'Disk use of b is 95 %' });
    nodes = [node({ status: 'draining' })];
    await rules.check();
    expect(await firing()).toEqual([fingerprint]);
    nodes = [node({ status: 'left' })];
    await rules.check();
    expect(await firing()).toEqual([]);
  });

  it('ends the alerts of machines when monitoring is switched off', async () => {
    const fingerprint = hostFingerprint('disk', 'b');
    await fire({ fingerprint, severity: 'WARNING', component: 'DISK', message: 'Disk use of b is 95 %' });
    nodes = [node({})];
    await rules.check();
    expect(await firing()).toEqual([fingerprint]);
    settings = { ...settings, monitoring_enabled: false };
    await rules.check();
    expect(await firing()).toEqual([]);
  });
});
