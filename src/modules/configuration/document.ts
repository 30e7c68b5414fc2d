import { formatHostPort, parseHostPort } from '../../common/addresses.js';
import type { BackendRow } from '../backends/index.js';
import type { PoolRow } from '../pools/index.js';
import {
  fromStored,
  normaliseHost,
  normalisePath,
  type RouteFeaturesBody,
  type RouteRow,
  toStored,
} from '../routes/index.js';
import type { EntryRow } from './config-versions.repository.js';
import {
  type ConfigBackend,
  type ConfigDocument,
  type ConfigPool,
  type ConfigRoute,
  DOCUMENT_FORMAT,
} from './document.dto.js';

/** What a document is made from. */
export interface DocumentRows {
  pools: Omit<PoolRow, RowBookkeeping>[];
  backends: Omit<BackendRow, RowBookkeeping | 'pool_health_check'>[];
  routes: Omit<RouteRow, RowBookkeeping>[];
}
type RowBookkeeping = 'tenant_id' | 'version' | 'created_at' | 'updated_at';

/** What a tenant has, as rows. */
export interface CurrentRows {
  pools: PoolRow[];
  backends: BackendRow[];
  routes: RouteRow[];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const by =
  <T>(key: (item: T) => string) =>
  (a: T, b: T) =>
    compare(key(a), key(b));

const sorted = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => compare(a, b)))
    : value;

/** One text for equal values: keys in order, absent fields left out. */
export const canonical = (value: unknown, indent?: number): string => JSON.stringify(value, sorted, indent);

/** Items by key, in their order. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

export const poolEntry = (row: DocumentRows['pools'][number]): ConfigPool => ({
  name: row.name,
  algorithm: row.algorithm,
  sticky_sessions: row.sticky_sessions,
  health_check: row.health_check,
  connect_timeout: row.connect_timeout,
  response_timeout: row.response_timeout,
  retries: row.retries,
});

export const backendEntry = (row: DocumentRows['backends'][number]): ConfigBackend => ({
  address: row.address,
  weight: row.weight,
  region: row.region,
  admin_state: row.admin_state,
  health_check: row.health_check,
});

export const routeEntry = (row: DocumentRows['routes'][number]): ConfigRoute => ({
  host: row.host,
  path_prefix: row.path_prefix,
  pool: row.pool,
  ssl_enabled: row.ssl_enabled,
  features: fromStored(row.features, row.split_pools),
});

/** The whole document, in an order that depends on names only. */
export function toDocument(rows: DocumentRows): ConfigDocument {
  const backends = groupBy(rows.backends, (b) => b.pool);
  return {
    format: DOCUMENT_FORMAT,
    pools: rows.pools
      .map((pool) => ({
        ...poolEntry(pool),
        backends: (backends.get(pool.name) ?? []).map(backendEntry).sort(by((b) => b.address)),
      }))
      .sort(by((p) => p.name)),
    routes: rows.routes.map(routeEntry).sort(by(routeKey)),
  };
}

/** The rows that the entries of a version stand for; pools are named as they were then. */
export function rowsOf(entries: readonly EntryRow[]): DocumentRows {
  const of = <T>(kind: EntryRow['kind']) =>
    entries.filter((e) => e.kind === kind).map(({ id, entry }) => ({ ...entry, id }) as T);
  const pools = of<DocumentRows['pools'][number]>('pool');
  const names = Object.fromEntries(pools.map(({ id, name }) => [id, name]));
  return {
    pools,
    backends: of<DocumentRows['backends'][number]>('backend').map((b) => ({ ...b, pool: names[b.pool_id]! })),
    routes: of<DocumentRows['routes'][number]>('route').map((r) => ({
      ...r,
      pool: names[r.pool_id]!,
      split_pools: names,
    })),
  };
}

/** What identifies a backend within its pool; an address that is none stays as it is. */
export function backendKey(address: string): string {
  const parsed = parseHostPort(address);
  return parsed ? formatHostPort(parsed) : address;
}

/** What identifies a route within its tenant. */
export function routeKey(route: ConfigRoute): string {
  const { match } = normalFeatures(route.features);
  return `${normaliseHost(route.host)}${normalisePath(route.path_prefix ?? '/')}${match ? ` when ${canonical(match)}` : ''}`;
}

/** Equal features in one form; pools of a split keep their names. */
export function normalFeatures(features: RouteFeaturesBody | undefined): RouteFeaturesBody {
  const names = { get: (name: string) => name } as unknown as ReadonlyMap<string, string>;
  return fromStored(toStored(features ?? {}, names), {});
}
