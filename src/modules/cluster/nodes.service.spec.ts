import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { until } from '../../../test/support/until.js';
import { Environment } from '../../platform/config/environment.js';
import { DatabaseUrl, Notifications } from '../../platform/database/index.js';
import { Leader } from '../../platform/jobs/index.js';
import { HealthRegistry } from '../../platform/observability/index.js';
import { NodesRepository } from './nodes.repository.js';
import { NodesService } from './nodes.service.js';
import '../../../test/support/quiet.js';

describe('NodesService', () => {
  let db: TestDatabase;
  const started: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db.close());
  afterEach(async () => {
    for (const stop of started.splice(0)) await stop();
    await db.sql('DELETE FROM control_plane_nodes');
  });

  /** A node with its own connection for notifications, as another process would have. */
  const node = async (name: string): Promise<NodesService> => {
    const environment = Object.assign(new Environment(), { NODE_NAME: name });
    const notifications = new Notifications(db.database, new DatabaseUrl(db.url));
    await notifications.onApplicationBootstrap();
    const service = new NodesService(
      db.database,
      notifications,
      new NodesRepository(),
      environment,
      new Leader(db.database),
      new HealthRegistry(),
    );
    await service.onApplicationBootstrap();
    started.push(async () => {
      await service.onModuleDestroy();
      await notifications.onApplicationShutdown();
    });
    return service;
  };

  it('enters this node, and enters it once under the same name', async () => {
    const first = await node('n1');
    const again = await node('n1');
    expect(again.localId).toBe(first.localId);
    expect(await first.list()).toMatchObject([
      { id: first.localId, name: 'n1', status: 'active', engine: 'embedded' },
    ]);
  });

  it('waits until every live node runs the version', async () => {
    const [a, b] = [await node('a'), await node('b')];
    await a.reportApplied(7, null);
    const waiting = a.waitApplied(7, 5000);
    await b.reportApplied(8, null);
    expect(await waiting).toEqual({ applied: true });
  });

  it('names the live nodes that do not run it in time, and why', async () => {
    const [a, b] = [await node('a'), await node('b')];
    await a.reportApplied(7, null);
    await b.reportApplied(6, 'pool x is wrong');
    const result = await a.waitApplied(7, 300);
    expect(result).toMatchObject({
      applied: false,
      nodes: [{ name: 'b', applied_version: 6, apply_error: 'pool x is wrong' }],
    });
  });

  it('counts a node that falls silent while it is waited for', async () => {
    const a = await node('a');
    const id = await db.database.system((tx) =>
      new NodesRepository().register(tx, {
        name: 'b',
        address: '127.0.0.1:1',
        engine: 'embedded',
        programVersion: '1.0.0',
        holder: 'b',
      }),
    );
    await a.reportApplied(7, null);
    const looks = jest.spyOn(NodesRepository.prototype, 'list');
    const waiting = a.waitApplied(7, 1000);
    const first = await until('the first look', () => looks.mock.results[0]);
    expect(await first.value).toMatchObject([{ name: 'a' }, { name: 'b', status: 'active' }]);
    looks.mockRestore();
    await db.sql(`UPDATE control_plane_nodes SET last_seen = now() - interval '1 minute' WHERE id = $1`, [
      id,
    ]);
    expect(await waiting).toMatchObject({ applied: false, nodes: [{ name: 'b', status: 'down' }] });
  });

  it('does not wait for a node that is silent or has left', async () => {
    const [a, b, c] = [await node('a'), await node('b'), await node('c')];
    await a.reportApplied(7, null);
    await started[1]!();
    await started[2]!();
    await db.sql(
      `UPDATE control_plane_nodes SET status = 'active', last_seen = now() - interval '1 minute' WHERE id = $1`,
      [c.localId],
    );
    started.splice(1);
    expect(await a.waitApplied(7, 300)).toEqual({ applied: true });
    const states = (await a.list()).map(({ id, status }) => [id, status]);
    expect(states).toEqual([
      [a.localId, 'active'],
      [b.localId, 'left'],
      [c.localId, 'down'],
    ]);
  });

  it('tells the installation’s version with each heartbeat, and comes back after it was forgotten', async () => {
    const a = await node('a');
    const seen: number[] = [];
    a.onVersionSeen((version) => seen.push(version));
    const [{ version }] = (await db.sql('SELECT version::int FROM config_state')) as [{ version: number }];
    await until('a heartbeat', () => seen.length > 0);
    expect(seen[0]).toBe(version);
    await db.sql('DELETE FROM control_plane_nodes');
    await until('the node to be back', async () => (await a.list()).length === 1);
  });
});
