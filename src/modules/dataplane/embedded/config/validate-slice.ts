import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import { type KeyPair, secureContextOf } from '../../../../common/tls.js';
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

/** Parts that were found sound: what did not change stays the same object from one slice to the next. */
const sound = new WeakSet<PoolConfig | RouteConfig>();

/** Checks one tenant's configuration in itself. @throws SnapshotRefused naming the part and what is wrong with it. */
export function validateSlice(slice: TenantSlice): void {
  const pools = new Set<string>();
  const backends = new Set<string>();
  for (const pool of slice.pools) {
    if (pools.has(pool.id)) refuse(`pool ${pool.id}`, 'is there twice');
    pools.add(pool.id);
    for (const { id } of pool.backends) {
      if (backends.has(id)) refuse(`backend ${id}`, 'is there twice');
      backends.add(id);
    }
    if (sound.has(pool)) continue;
    validatePool(pool);
    for (const backend of pool.backends) validateBackend(backend);
    sound.add(pool);
  }
  const places = new Set<string>();
  const routes = new Set<string>();
  for (const route of slice.routes) {
    if (routes.has(route.id)) refuse(`route ${route.id}`, 'is there twice');
    routes.add(route.id);
    requireTargets(route, pools);
    if (!sound.has(route)) validateRoute(route);
    sound.add(route);
    const { host, pathPrefix, features } = route;
    const place = `${host} ${normalPrefix(pathPrefix)} ${conditionsKey(features.match)}`;
    if (places.has(place))
      refuse(`route ${route.id}`, 'repeats the host, path prefix and conditions of another');
    places.add(place);
  }
  validateTls(slice);
}

/** Names are unique, so that both engines choose the same certificate. */
function validateTls({ certificates = [], challenges = [] }: TenantSlice): void {
  const names = new Set<string>();
  for (const { id, hosts, chain, privateKey } of certificates) {
    const part = `certificate ${id}`;
    for (const host of hosts) {
      const name = host.startsWith('*.') ? host.slice(2) : host;
      if (!HOST_NAME.test(name) || name !== name.toLowerCase()) refuse(part, 'has no valid lower-case host');
      if (names.has(host)) refuse(part, 'has a host that another certificate has');
      names.add(host);
    }
    if (hosts.length === 0) refuse(part, 'has no host');
    if (!isKeyPair(chain, privateKey)) refuse(part, 'does not fit its key, or is not in PEM');
  }
  for (const { host, token, keyAuthorization } of challenges) {
    if (!HOST_NAME.test(host) || host !== host.toLowerCase()) refuse('a challenge', 'has no valid host');
    if (!CHALLENGE.test(token) || !CHALLENGE.test(keyAuthorization))
      refuse('a challenge', 'has an unusual character');
  }
}

/** Checked before: a tenant's certificates stay the same through most of its changes. */
const knownPairs = new LRUCache<string, boolean>({ max: 20_000 });

function isKeyPair(chain: string, privateKey: string): boolean {
  const digest = createHash('sha256').update(chain).update(privateKey).digest('base64');
  const known = knownPairs.get(digest);
  if (known !== undefined) return known;
  const fits = PEM.test(chain) && PEM.test(privateKey) && isServed({ chain, privateKey });
  knownPairs.set(digest, fits);
  return fits;
}

function isServed(pair: KeyPair): boolean {
  try {
    secureContextOf(pair);
    return true;
  } catch {
    return false;
  }
}

/** RFC 7468: nothing but blocks of base64 with their borders. */
const PEM = /^(?:-----BEGIN [A-Z ]+-----\n(?:[A-Za-z0-9+/=]+\n)+-----END [A-Z ]+-----\n)+$/;
/** Base64url, and the dot of a key authorization (RFC 8555 §8.1). */
const CHALLENGE = /^[A-Za-z0-9_.-]{1,1000}$/;

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

function requireTargets({ id, targets }: RouteConfig, pools: ReadonlySet<string>): void {
  for (const { poolId } of targets)
    if (!pools.has(poolId)) refuse(`route ${id}`, `points to the pool ${poolId}, which is not there`);
}

function validateRoute(route: RouteConfig): void {
  const part = `route ${route.id}`;
  const name = route.host.startsWith('*.') ? route.host.slice(2) : route.host;
  if (!HOST_NAME.test(name) || name !== name.toLowerCase()) refuse(part, 'has no valid lower-case host');
  if (!PATH.test(route.pathPrefix)) refuse(part, 'has a path prefix that is none');
  for (const { weight } of route.targets)
    if (!(weight >= 0 && weight <= 100)) refuse(part, 'has a target weight outside 0–100');
  if (!route.targets.some(({ weight }) => weight > 0)) refuse(part, 'has no target with a weight');
  const problem = featuresProblem(route.features);
  if (problem) refuse(part, problem);
}

function positive(part: string, what: string, value: number): void {
  if (!(value > 0 && value <= 2_147_483_647)) refuse(part, `has a ${what} that is not above zero`);
}

/** @throws SnapshotRefused always: the last good snapshot keeps running */
export function refuse(part: string, problem: string): never {
  throw new SnapshotRefused(`${part} ${problem}`);
}
