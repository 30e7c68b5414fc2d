import { until } from '../../../test/support/until.js';
import type { Environment } from '../../platform/config/environment.js';
import type { Notifications } from '../../platform/database/index.js';
import { LiveBackends, type TrafficRecorder } from '../telemetry/index.js';
import type { DataPlaneEngine, HealthChange } from './engine.js';
import { BACKEND_HEALTH, type BackendHealthChanged, TelemetryPump } from './telemetry-pump.js';

const BACKENDS = 2_000;
const TENANTS = 150;

const change = (i: number): HealthChange => ({
  tenantId: `tenant_${i % TENANTS}`,
  poolId: 'pool',
  backendId: `backend_${i}`,
  from: 'healthy',
  to: 'unhealthy',
  reason: 'refused',
  at: new Date(),
});

it('tells of thousands of backends that change at once with few readings and notifications', async () => {
  let listener: (change: HealthChange) => void = () => {};
  let readings = 0;
  const told: BackendHealthChanged[] = [];
  const engine = {
    onHealthChange: (given) => {
      listener = given;
    },
    stats: () => {
      readings++;
      return { backends: new Map(), openConnections: 0, requestsInFlight: 0 };
    },
    drainTelemetry: () => ({ traffic: [], paths: [], samples: [], unknownHostRequests: 0 }),
    stop: async () => {},
  } as Partial<DataPlaneEngine> as DataPlaneEngine;
  const recorder = { record: () => {}, close: async () => {} } as unknown as TrafficRecorder;
  const notifications = {
    broadcast: async (topic: string, data: unknown) => {
      expect(topic).toBe(BACKEND_HEALTH);
      told.push(data as BackendHealthChanged);
    },
  } as unknown as Notifications;
  const environment = { SHUTDOWN_GRACE_SECONDS: 0 } as Environment;
  const pump = new TelemetryPump(engine, recorder, new LiveBackends(), notifications, environment);
  pump.onApplicationBootstrap();
  try {
    for (let i = 0; i < BACKENDS; i++) listener(change(i));
    await until('the news', () => told.flatMap(({ tenantIds }) => tenantIds).length >= TENANTS);
    expect(new Set(told.flatMap(({ tenantIds }) => tenantIds)).size).toBe(TENANTS);
    expect(told).toHaveLength(2);
    expect(readings).toBeLessThanOrEqual(2);
    listener(change(7));
    await until('the next news', () => told.length > 2);
    expect(told[2]).toEqual({ tenantIds: ['tenant_7'] });
  } finally {
    await pump.beforeApplicationShutdown();
  }
});
