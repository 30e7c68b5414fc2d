import { backendOf, NO_CHECK, poolOf, QUICK_CHECK, sliceOf, snapshotOf } from '../contract/support.js';
import type { HealthChange } from '../engine.js';
import type { BackendConfig } from '../snapshot.js';
import { HealthMonitor } from './health-monitor.js';
import type { ServerRow } from './stats.js';

describe('the health monitor', () => {
  let monitor: HealthMonitor;
  let changes: HealthChange[];
  const id = 'backend_9001';

  beforeEach(() => {
    monitor = new HealthMonitor(({ host }) => (host === 'nowhere.test' ? null : host));
    changes = [];
    monitor.onChange((change) => changes.push(change));
    watch({});
  });

  const watch = (config: Partial<BackendConfig>): void =>
    monitor.update(
      snapshotOf(1, sliceOf([poolOf([backendOf(9001, { healthCheck: QUICK_CHECK, ...config })])], [])),
    );
  const row = (changes_: Partial<ServerRow>): ServerRow => ({
    section: 'pool_a',
    server: id,
    status: 'UP',
    checkStatus: 'L7OK',
    checkText: 'passed',
    current: 0,
    ...changes_,
  });
  const poll = (...rows: Partial<ServerRow>[]): void =>
    monitor.readTable({ servers: rows.map(row), frontends: [] }, new Date(1000));
  const stats = () => monitor.stats(() => null).get(id)!;

  it('begins unknown and stays so until a check is done', () => {
    poll({ checkStatus: 'INI' });
    expect(stats()).toMatchObject({ health: 'unknown', lastCheckAt: null });
    expect(changes).toEqual([]);
  });

  it('lines of the log change it at once, with the reason', () => {
    monitor.readLine(
      'Health check for server pool_a/backend_9001 succeeded, reason: Layer7 check passed, code: 200, check duration: 1ms, status: 2/2 UP.',
    );
    monitor.readLine(
      'Health check for server pool_a/backend_9001 failed, reason: Layer7 wrong status, code: 500, info: "x", check duration: 1ms, status: 1/2 UP.',
    );
    monitor.readLine(
      'Server pool_a/backend_9001 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.',
    );
    expect(changes.map(({ from, to, reason }) => [from, to, reason])).toEqual([
      ['unknown', 'healthy', 'Layer7 check passed, status 200'],
      ['healthy', 'unhealthy', 'Layer4 connection problem'],
    ]);
    expect(stats()).toMatchObject({
      health: 'unhealthy',
      lastError: 'Layer4 connection problem',
      ejected: false,
    });
  });

  it('a server that requests took out is ejected until it is back', () => {
    monitor.readLine(
      'Server pool_a/backend_9001 is DOWN, reason: Health analyze, info: "Detected 3 consecutive errors, last one was: L4 unsuccessful connection". 0 active.',
    );
    expect(stats()).toMatchObject({ health: 'unhealthy', ejected: true });
    monitor.readLine(
      'Server pool_a/backend_9001 is UP, reason: Layer7 check passed, code: 200, check duration: 1ms. 1 active.',
    );
    expect(stats()).toMatchObject({ health: 'healthy', ejected: false, lastError: null });
  });

  it('a poll repairs what a lost line left wrong', () => {
    poll({ status: 'DOWN', checkStatus: 'L4CON', checkText: 'refused' });
    expect(changes).toMatchObject([
      { to: 'unhealthy', reason: 'refused', tenantId: 'tenant_a', poolId: 'pool_a' },
    ]);
  });

  it('a new worker that has not checked yet does not make it unknown', () => {
    poll({ status: 'DOWN', checkStatus: 'L4CON' });
    poll({ status: 'UP', checkStatus: 'INI' });
    expect(stats().health).toBe('unhealthy');
  });

  it('maintenance keeps what was known; being disabled or unchecked forgets it', () => {
    poll({});
    poll({ status: 'MAINT' });
    expect(stats().health).toBe('healthy');
    watch({ adminState: 'disabled' });
    expect(stats().health).toBe('unknown');
    watch({});
    poll({});
    watch({ healthCheck: NO_CHECK });
    poll({ status: 'no check', checkStatus: '' });
    expect(stats().health).toBe('unknown');
  });

  it('another address begins anew', () => {
    poll({});
    watch({ port: 9002, id });
    expect(stats().health).toBe('unknown');
  });

  it('requests in flight are added up over the sections of a pool', () => {
    poll({ current: 2 }, { section: 'pool_a.r1', current: 3 }, { section: 'pool_a.hc.204.500', current: 0 });
    expect(stats().connections).toBe(5);
  });

  it('a server that follows another section is known by its check', () => {
    poll({ checkStatus: '' }, { section: 'pool_a.hc.204.500', checkStatus: 'INI' });
    expect(stats().health).toBe('unknown');
    poll({ checkStatus: '' }, { section: 'pool_a.hc.204.500', checkStatus: 'L7OK' });
    expect(stats().health).toBe('healthy');
  });

  it('a host without an address is unhealthy and says so', () => {
    watch({ host: 'nowhere.test' });
    poll({ status: 'MAINT' });
    expect(stats()).toMatchObject({
      health: 'unhealthy',
      lastError: 'its host leads to no address that a backend may have',
    });
  });

  it('lines about somebody else change nothing', () => {
    monitor.readLine('Server pool_b/backend_9001 is DOWN, reason: Layer4 timeout. 0 active.');
    monitor.readLine('Server pool_a/backend_1 is DOWN, reason: Layer4 timeout. 0 active.');
    monitor.readLine('Server pool_a/backend_9001 is UP/READY (leaving forced maintenance).');
    monitor.readLine('Proxy pool_a started.');
    expect(changes).toEqual([]);
  });
});
