import { backendConfig, deadPort, NO_CHECKS, until } from '../../../../../test/support/dataplane.js';
import { EngineHarness } from '../../../../../test/support/engine-harness.js';
import type { HealthChange } from '../../engine.js';
import type { HealthState } from '../../snapshot.js';

const FAST = { ...NO_CHECKS, enabled: true, intervalMs: 20, timeoutMs: 500, rise: 2, fall: 3 };

describe('health', () => {
  let harness: EngineHarness;
  let changes: HealthChange[];

  beforeEach(async () => {
    harness = new EngineHarness();
    changes = [];
    await harness.start();
    harness.engine.onHealthChange((change) => changes.push(change));
  });
  afterEach(() => harness.close());

  const stateOf = (id: string): HealthState => harness.engine.stats().backends.get(id)!.health;
  const bodies = async (count: number): Promise<Set<string>> => {
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) seen.add((await harness.call()).body);
    return seen;
  };

  it('a backend is unknown and used before its first check, then healthy', async () => {
    const upstream = await harness.upstream('one');
    await harness.serve([
      backendConfig('b1', upstream.port, { healthCheck: { ...FAST, intervalMs: 60_000 } }),
    ]);
    expect(stateOf('b1')).toBe('unknown');
    expect((await harness.call()).status).toBe(200);
    await until('healthy', () => stateOf('b1') === 'healthy');
    expect(changes).toMatchObject([
      { tenantId: 't1', poolId: 'p1', backendId: 'b1', from: 'unknown', to: 'healthy' },
    ]);
    expect(upstream.requests.find((request) => request.url === '/health')?.headers.host).toBe(
      `127.0.0.1:${upstream.port}`,
    );
  });

  it('goes out after `fall` failures in a row and comes back after `rise` successes', async () => {
    let status = 200;
    let checks = 0;
    const one = await harness.upstream('one', (request, response) => {
      if (request.url === '/health') {
        checks++;
        response.statusCode = status;
      }
      response.end('one');
    });
    const two = await harness.upstream('two');
    await harness.serve([
      backendConfig('b1', one.port, { healthCheck: FAST }),
      backendConfig('b2', two.port),
    ]);
    await until('healthy', () => stateOf('b1') === 'healthy');
    status = 500;
    checks = 0;
    await until('unhealthy', () => stateOf('b1') === 'unhealthy');
    expect(checks).toBe(3);
    expect(changes.at(-1)).toMatchObject({
      from: 'healthy',
      to: 'unhealthy',
      reason: 'HTTP 500, expected 200',
    });
    expect(harness.engine.stats().backends.get('b1')?.lastError).toBe('HTTP 500, expected 200');
    expect(await bodies(6)).toEqual(new Set(['two']));
    status = 200;
    checks = 0;
    await until('healthy', () => stateOf('b1') === 'healthy');
    expect(checks).toBe(2);
    expect(await bodies(6)).toEqual(new Set(['one', 'two']));
  });

  it('503 when every backend is unhealthy; a check that hangs counts as failed', async () => {
    const hangs = await harness.upstream('hangs', (request, response) => {
      if (request.url !== '/health') response.end();
    });
    const dead = await deadPort();
    await harness.serve([
      backendConfig('b1', hangs.port, { healthCheck: { ...FAST, timeoutMs: 30 } }),
      backendConfig('b2', dead, { healthCheck: FAST }),
    ]);
    await until('both unhealthy', () => stateOf('b1') === 'unhealthy' && stateOf('b2') === 'unhealthy');
    expect((await harness.call()).status).toBe(503);
    expect(harness.engine.stats().backends.get('b1')?.lastError).toBe('no answer within 30 ms');
    expect(harness.engine.stats().backends.get('b2')?.lastError).toBe('connection refused');
  });

  it('switching checks off makes a backend unknown and usable', async () => {
    const dead = await harness.upstream('one', (request, response) => {
      response.statusCode = request.url === '/health' ? 500 : 200;
      response.end();
    });
    await harness.serve([backendConfig('b1', dead.port, { healthCheck: FAST })]);
    await until('unhealthy', () => stateOf('b1') === 'unhealthy');
    await harness.serve([backendConfig('b1', dead.port)]);
    expect(stateOf('b1')).toBe('unknown');
    expect(changes.at(-1)).toMatchObject({ to: 'unknown', reason: 'health checks are off' });
    expect((await harness.call()).status).toBe(200);
  });

  it('ejects a backend after failures in a row, readmits it, and never ejects the last one', async () => {
    let broken = true;
    const one = await harness.upstream('one', (_request, response) => {
      response.statusCode = broken ? 503 : 200;
      response.end('one');
    });
    const two = await harness.upstream('two');
    await harness.serve([backendConfig('b1', one.port), backendConfig('b2', two.port)]);
    for (let i = 0; i < 12; i++) await harness.call();
    expect(harness.engine.stats().backends.get('b1')).toMatchObject({ ejected: true, lastError: 'HTTP 503' });
    expect(await bodies(6)).toEqual(new Set(['two']));
    broken = false;
    await until('readmission', () => !harness.engine.stats().backends.get('b1')!.ejected);
    expect(await bodies(6)).toEqual(new Set(['one', 'two']));
    broken = true;
    await harness.serve([backendConfig('b1', one.port)]);
    for (let i = 0; i < 12; i++) await harness.call();
    expect(harness.engine.stats().backends.get('b1')?.ejected).toBe(false);
  });
});
