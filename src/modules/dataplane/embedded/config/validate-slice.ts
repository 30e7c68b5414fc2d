import { isIP } from 'node:net';
import { SnapshotRefused } from '../../engine.js';
import {
  ALGORITHMS,
  type BackendConfig,
  type PoolConfig,
  type RouteConfig,
  type TenantSlice,
} from '../../snapshot.js';
import { featuresProblem } from '../features/validate-features.js';
import { normalPrefix } from '../routing/host-routes.js';
import { conditionsKey } from '../routing/match.js';

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;
const PATH = /^\/[\x21-\x7e]*$/;

/** Checks one tenant's configuration in itself. @throws SnapshotRefused naming the part and what is wrong with it. */
export function validateSlice(slice: TenantSlice): void {
  const pools = new Set<string>();
  const backends = new Set<string>();
  for (const pool of slice.pools) {
    if (pools.has(pool.id)) refuse(`pool ${pool.id}`, 'is there twice');
    pools.add(pool.id);
    validatePool(pool);
    for (const backend of pool.backends) {
      if (backends.has(backend.id)) refuse(`backend ${backend.id}`, 'is there twice');
      backends.add(backend.id);
      validateBackend(backend);
    }
  }
  const places = new Set<string>();
  const routes = new Set<string>();
  for (const route of slice.routes) {
    if (routes.has(route.id)) refuse(`route ${route.id}`, 'is there twice');
    routes.add(route.id);
    validateRoute(route, pools);
    const { host, pathPrefix, features } = route;
    const place = `${host} ${normalPrefix(pathPrefix)} ${conditionsKey(features.match)}`;
    if (places.has(place))
      refuse(`route ${route.id}`, 'repeats the host, path prefix and conditions of another');
    places.add(place);
  }
}

function validatePool(pool: PoolConfig): void {
  const part = `pool ${pool.id}`;
  if (!ALGORITHMS.includes(pool.algorithm)) refuse(part, 'has an unknown algorithm');
  positive(part, 'connectTimeoutMs', pool.connectTimeoutMs);
  positive(part, 'responseTimeoutMs', pool.responseTimeoutMs);
  if (!Number.isInteger(pool.retries) || pool.retries < 0) refuse(part, 'has retries below zero');
}

function validateBackend(backend: BackendConfig): void {
  const part = `backend ${backend.id}`;
  const { host, port, weight, healthCheck } = backend;
  if (isIP(host) === 0 && !HOST_NAME.test(host)) refuse(part, 'has no valid host');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(part, 'has a port outside 1–65535');
  if (!(weight >= 1 && weight <= 1_000)) refuse(part, 'has a weight outside 1–1000');
  if (!healthCheck.enabled) return;
  positive(part, 'health check interval', healthCheck.intervalMs);
  positive(part, 'health check timeout', healthCheck.timeoutMs);
  positive(part, 'health check rise', healthCheck.rise);
  positive(part, 'health check fall', healthCheck.fall);
  if (!PATH.test(healthCheck.path)) refuse(part, 'has a health check path that is none');
}

function validateRoute(route: RouteConfig, pools: ReadonlySet<string>): void {
  const part = `route ${route.id}`;
  const name = route.host.startsWith('*.') ? route.host.slice(2) : route.host;
  if (!HOST_NAME.test(name) || name !== name.toLowerCase()) refuse(part, 'has no valid lower-case host');
  if (!PATH.test(route.pathPrefix)) refuse(part, 'has a path prefix that is none');
  for (const { poolId, weight } of route.targets) {
    if (!pools.has(poolId)) refuse(part, `points to the pool ${poolId}, which is not there`);
    if (!(weight >= 0 && weight <= 100)) refuse(part, 'has a target weight outside 0–100');
  }
  if (!route.targets.some(({ weight }) => weight > 0)) refuse(part, 'has no target with a weight');
  const problem = featuresProblem(route.features);
  if (problem) refuse(part, problem);
}

function positive(part: string, what: string, value: number): void {
  if (!(value > 0 && value <= 2_147_483_647)) refuse(part, `has a ${what} that is not above zero`);
}

export function refuse(part: string, problem: string): never {
  throw new SnapshotRefused(`${part} ${problem}`);
}
