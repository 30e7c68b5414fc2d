import { durationMs } from '../../common/durations.js';
import type { BackendRow, HealthCheck } from '../backends/index.js';
import { withDefaults } from '../backends/index.js';
import type { PoolRow } from '../pools/index.js';
import { compileRoute, type RouteRow } from '../routes/index.js';
import type { BackendConfig, HealthCheckConfig, PoolConfig, TenantSlice } from './snapshot.js';

/** Everything that one tenant's slice is made of. */
export interface TenantRows {
  tenantId: string;
  pools: readonly PoolRow[];
  backends: readonly BackendRow[];
  routes: readonly RouteRow[];
}

/**
 * Turns a tenant's rows into its slice: defaults filled in, durations in milliseconds. Pure: the same rows always
 * give the same slice, in the same order.
 */
export function compileTenant(rows: TenantRows): TenantSlice {
  const backends = groupByPool(rows.backends);
  return {
    tenantId: rows.tenantId,
    pools: rows.pools.map((pool) => compilePool(pool, backends.get(pool.id) ?? [])),
    routes: rows.routes.map(compileRoute),
  };
}

function groupByPool(backends: readonly BackendRow[]): Map<string, BackendRow[]> {
  const groups = new Map<string, BackendRow[]>();
  for (const backend of backends) {
    const group = groups.get(backend.pool_id);
    if (group) group.push(backend);
    else groups.set(backend.pool_id, [backend]);
  }
  return groups;
}

const compilePool = (pool: PoolRow, backends: readonly BackendRow[]): PoolConfig => ({
  id: pool.id,
  name: pool.name,
  algorithm: pool.algorithm,
  stickySessions: pool.sticky_sessions,
  connectTimeoutMs: durationMs(pool.connect_timeout),
  responseTimeoutMs: durationMs(pool.response_timeout),
  retries: pool.retries,
  backends: backends.map((backend) => compileBackend(backend, pool.health_check)),
});

function compileBackend(backend: BackendRow, ofPool: HealthCheck): BackendConfig {
  const colon = backend.address.lastIndexOf(':');
  return {
    id: backend.id,
    host: backend.address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(backend.address.slice(colon + 1)),
    weight: backend.weight,
    region: backend.region,
    adminState: backend.admin_state,
    healthCheck: compileCheck(withDefaults(backend.health_check ?? {}, ofPool)),
  };
}

const compileCheck = (check: HealthCheck): HealthCheckConfig => ({
  enabled: check.enabled,
  path: check.path,
  intervalMs: durationMs(check.interval),
  timeoutMs: durationMs(check.timeout),
  expectedStatus: check.expected_status,
  rise: check.rise,
  fall: check.fall,
});
