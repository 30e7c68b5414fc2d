import { parseHostPort } from '../../common/addresses.js';
import { defined } from '../../common/defined.js';
import { durationMs } from '../../common/durations.js';
import { type BackendSource, type HealthCheck, withDefaults } from '../backends/index.js';
import { type ServedCertificate, type ServedChallenge, servedNames } from '../certificates/index.js';
import type { PoolRow } from '../pools/index.js';
import type { RouteSource, StoredFeatures } from '../routes/index.js';
import { SnapshotRefused } from './engine.js';
import type {
  BackendConfig,
  CertificateConfig,
  ChallengeConfig,
  PoolConfig,
  RouteConfig,
  RouteFeatures,
  TenantSlice,
} from './snapshot.js';

/** Everything that the database has of one tenant's routing. */
export interface TenantRows {
  pools: readonly PoolRow[];
  backends: readonly BackendSource[];
  routes: readonly RouteSource[];
  /** The newest first. */
  certificates: readonly ServedCertificate[];
  challenges: readonly ServedChallenge[];
}

/** Turns one tenant's rows into what an engine runs: names become ids, durations milliseconds, defaults are filled in. */
export function compileTenant(tenantId: string, rows: TenantRows, allowPrivate = true): TenantSlice {
  const factors = new Map(rows.backends.map(({ id, weight_factor }) => [id, weight_factor]));
  const pools = new Map(rows.pools.map((row) => [row.id, { row, backends: [] as BackendConfig[] }]));
  for (const backend of rows.backends) {
    const pool = pools.get(backend.pool_id);
    pool?.backends.push(compileBackend(backend, pool.row.health_check, allowPrivate));
  }
  return {
    tenantId,
    pools: [...pools.values()].map(({ row, backends }) => compilePool(row, weighted(row, backends, factors))),
    routes: rows.routes.map(compileRoute),
    ...compileTls(rows, rows.routes),
  };
}

/** Certificates and challenges follow the hosts that routes have. */
function compileTls(
  rows: TenantRows,
  routes: readonly { host: string }[],
): Pick<TenantSlice, 'certificates' | 'challenges'> {
  const hosts = [...new Set(routes.map(({ host }) => host))];
  const certificates = compileCertificates(rows.certificates, hosts);
  const challenges = rows.challenges.filter(({ host }) => servedNames([host], hosts).length > 0);
  return {
    ...(certificates.length > 0 && { certificates }),
    ...(challenges.length > 0 && { challenges: challenges.map(compileChallenge) }),
  };
}

const MAX_WEIGHT = 1000;

/** Weights with the factors of the moment, which are the business of `adaptive_ai` alone; as fine as weights can be. */
function weighted(
  { algorithm }: PoolRow,
  backends: BackendConfig[],
  factors: ReadonlyMap<string, number>,
): BackendConfig[] {
  const raised = backends.map(({ id, weight }) => weight * (factors.get(id) ?? 1));
  if (algorithm !== 'adaptive_ai' || raised.every((value, i) => value === backends[i]!.weight))
    return backends;
  const scale = MAX_WEIGHT / Math.max(...raised);
  return backends.map((backend, i) => ({ ...backend, weight: Math.max(1, Math.round(raised[i]! * scale)) }));
}

/** What of a slice is replaced. */
export interface Touched {
  pools: ReadonlySet<string>;
  routes: ReadonlySet<string>;
  /** Whether certificates or challenges may be others, or the hosts that they follow. */
  hosts: boolean;
}

/**
 * `slice` with what was touched as the rows have it now; all else stays the same objects. Where hosts were touched the
 * rows hold all of the tenant's certificates and challenges.
 */
export function patchTenant(
  slice: TenantSlice,
  touched: Touched,
  rows: TenantRows,
  allowPrivate = true,
): TenantSlice {
  const now = compileTenant(slice.tenantId, rows, allowPrivate);
  const pools = replaced(slice.pools, touched.pools, now.pools);
  const routes = replaced(slice.routes, touched.routes, now.routes);
  if (!touched.hosts) return { ...slice, pools, routes };
  return { tenantId: slice.tenantId, pools, routes, ...compileTls(rows, routes) };
}

function replaced<T extends { id: string }>(
  before: readonly T[],
  touched: ReadonlySet<string>,
  now: readonly T[],
) {
  if (!touched.size) return before;
  const all = [...before.filter(({ id }) => !touched.has(id)), ...now];
  return all.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Each name that routes have goes to the newest certificate that holds it; one without a name is left out. */
function compileCertificates(rows: readonly ServedCertificate[], hosts: string[]): CertificateConfig[] {
  const taken = new Set<string>();
  const compiled = rows.map(({ id, chain, private_key, ...row }) => {
    const names = servedNames(row.hosts, hosts).filter((name) => !taken.has(name));
    for (const name of names) taken.add(name);
    return { id, hosts: names, chain, privateKey: private_key };
  });
  return compiled.filter((certificate) => certificate.hosts.length > 0);
}

const compileChallenge = ({ host, token, key_authorization }: ServedChallenge): ChallengeConfig => ({
  host,
  token,
  keyAuthorization: key_authorization,
});

const compilePool = (row: PoolRow, backends: BackendConfig[]): PoolConfig => ({
  id: row.id,
  name: row.name,
  algorithm: row.algorithm,
  stickySessions: row.sticky_sessions,
  connectTimeoutMs: durationMs(row.connect_timeout),
  responseTimeoutMs: durationMs(row.response_timeout),
  retries: row.retries,
  backends,
});

function compileBackend(row: BackendSource, ofPool: HealthCheck, allowPrivate: boolean): BackendConfig {
  const address = parseHostPort(row.address);
  if (!address) throw new SnapshotRefused(`backend ${row.id} has no valid address`);
  const check = row.health_check ? withDefaults(row.health_check, ofPool) : ofPool;
  return {
    id: row.id,
    host: address.host,
    port: address.port,
    ...(!allowPrivate && { allowPrivate }),
    weight: row.weight,
    region: row.region,
    adminState: row.admin_state,
    healthCheck: {
      enabled: check.enabled,
      path: check.path,
      intervalMs: durationMs(check.interval),
      timeoutMs: durationMs(check.timeout),
      expectedStatus: check.expected_status,
      rise: check.rise,
      fall: check.fall,
    },
  };
}

const compileRoute = (row: RouteSource): RouteConfig => ({
  id: row.id,
  host: row.host,
  pathPrefix: row.path_prefix,
  targets: row.features.split?.map((t) => ({ poolId: t.pool_id, weight: t.weight })) ?? [
    { poolId: row.pool_id, weight: 100 },
  ],
  sslEnabled: row.ssl_enabled,
  features: compileFeatures(row.features),
});

/** One address is a block of its own. */
const block = (cidr: string) => (cidr.includes('/') ? cidr : `${cidr}/${cidr.includes(':') ? 128 : 32}`);

function compileFeatures(stored: StoredFeatures): RouteFeatures {
  const { rate_limit, cors, response_timeout, maintenance } = stored;
  return defined<RouteFeatures>({
    match: stored.match,
    stripPrefix: stored.strip_prefix,
    rewritePrefix: stored.rewrite_prefix,
    requestHeaders: stored.request_headers,
    responseHeaders: stored.response_headers,
    rateLimit: rate_limit && {
      requestsPerSecond: rate_limit.requests_per_second,
      burst: rate_limit.burst,
    },
    ipAllow: stored.ip_allow?.map(block),
    ipDeny: stored.ip_deny?.map(block),
    cors: cors && {
      allowOrigins: cors.allow_origins,
      allowMethods: cors.allow_methods,
      allowHeaders: cors.allow_headers,
      ...(cors.expose_headers && { exposeHeaders: cors.expose_headers }),
      allowCredentials: cors.allow_credentials,
      maxAgeSeconds: Math.floor(durationMs(cors.max_age) / 1000),
    },
    redirect: stored.redirect,
    responseTimeoutMs: response_timeout === undefined ? undefined : durationMs(response_timeout),
    retries: stored.retries,
    maxBodyBytes: stored.max_body_bytes,
    maintenance: maintenance && {
      status: maintenance.status,
      body: maintenance.body,
      contentType: maintenance.content_type,
    },
  });
}
