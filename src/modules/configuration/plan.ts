import { defined } from '../../common/defined.js';
import type { FieldError } from '../../common/errors.js';
import { type CreateBackendRequest, type UpdateBackendRequest, withDefaults } from '../backends/index.js';
import type { CreatePoolRequest, PoolRow, UpdatePoolRequest } from '../pools/index.js';
import type { CreateRouteRequest, RouteRow, UpdateRouteRequest } from '../routes/index.js';
import type { ConfigBackend, ConfigImport, ConfigPool, ConfigRoute } from './document.dto.js';
import {
  backendEntry,
  backendKey,
  type CurrentRows,
  canonical,
  groupBy,
  normalFeatures,
  poolEntry,
  routeEntry,
  routeKey,
} from './document.js';

interface Common {
  /** For people: `web`, `192.0.2.1:80 in web`, `app.example.com/api`. */
  name: string;
  /** Where in the document the entry is; the section for what it lacks. */
  path: string;
  /** Fields that change. */
  fields?: string[];
}
export type Operation = Common &
  (
    | { kind: 'pool'; action: 'create'; request: CreatePoolRequest }
    | { kind: 'pool'; action: 'update'; change: UpdatePoolRequest }
    | { kind: 'pool'; action: 'delete' }
    | { kind: 'backend'; action: 'create'; request: CreateBackendRequest }
    | { kind: 'backend'; action: 'update'; id: string; change: UpdateBackendRequest; resetCheck: boolean }
    | { kind: 'backend'; action: 'delete'; id: string }
    | { kind: 'route'; action: 'create'; request: CreateRouteRequest }
    | { kind: 'route'; action: 'update'; id: string; change: UpdateRouteRequest }
    | { kind: 'route'; action: 'delete'; id: string }
  );

/** `replace`: what a section lacks is deleted; `merge`: nothing is deleted. */
export type ImportMode = 'replace' | 'merge';

/** Two entries of one name. */
export function duplicates(document: ConfigImport): FieldError[] {
  const twice = <T>(path: string, items: readonly T[] | undefined, key: (item: T) => string) => {
    const seen = new Set<string>();
    return (items ?? []).flatMap((item, i): FieldError[] => {
      const name = key(item);
      const known = seen.has(name);
      seen.add(name);
      const field = `${path}.${i}`;
      return known ? [{ field, constraint: 'unique', message: `${field}: '${name}' is there twice` }] : [];
    });
  };
  return [
    ...twice('pools', document.pools, (p) => p.name),
    ...(document.pools ?? []).flatMap((p, i) =>
      twice(`pools.${i}.backends`, p.backends, (b) => backendKey(b.address)),
    ),
    ...twice('routes', document.routes, routeKey),
  ];
}

/** Steps of an import. What goes and is not in use goes first and makes room below the plan's limits. */
const PHASE = { removals: 0, pools: 1, backends: 2, routes: 3, lateRemovals: 4 };
type Planned = { phase: number; operation: Operation };

/** What to do, in an order in which nothing points at what is not there, so that the tenant has what the document says. */
export function planImport(current: CurrentRows, document: ConfigImport, mode: ImportMode): Operation[] {
  const removes = mode === 'replace';
  const routes = document.routes ? planRoutes(current.routes, document.routes, removes) : [];
  const removedRoutes = new Set(
    routes.map((p) => 'id' in p.operation && p.operation.action === 'delete' && p.operation.id),
  );
  const inUse = new Set(
    current.routes
      .filter((r) => !removedRoutes.has(r.id))
      .flatMap((r) => [r.pool, ...Object.values(r.split_pools)]),
  );
  const pools = document.pools ? planPools(current, document.pools, removes, inUse) : [];
  return [...routes, ...pools].sort((a, b) => a.phase - b.phase).map((p) => p.operation);
}

function planRoutes(current: RouteRow[], wanted: ConfigRoute[], removes: boolean): Planned[] {
  const existing = new Map(current.map((row) => [routeKey(routeEntry(row)), row]));
  const planned: Planned[] = [];
  for (const [i, entry] of wanted.entries()) {
    const name = routeKey(entry);
    const row = existing.get(name);
    existing.delete(name);
    const common = { kind: 'route' as const, name, path: `routes.${i}` };
    if (!row)
      planned.push({ phase: PHASE.routes, operation: { ...common, action: 'create', request: entry } });
    else {
      const { host: _host, path_prefix: _path, ...given } = entry;
      const change = changedFields(given, routeEntry(row), { features: normalFeatures });
      if (change)
        planned.push({
          phase: PHASE.routes,
          operation: { ...common, action: 'update', id: row.id, change, fields: Object.keys(change) },
        });
    }
  }
  if (!removes) return planned;
  const gone = [...existing].map(([name, row]) => ({
    phase: PHASE.removals,
    operation: { kind: 'route', action: 'delete', id: row.id, name, path: 'routes' } as const,
  }));
  return [...gone, ...planned];
}

function planPools(
  current: CurrentRows,
  wanted: ConfigPool[],
  removes: boolean,
  inUse: Set<string>,
): Planned[] {
  const existing = new Map(current.pools.map((row) => [row.name, row]));
  const backends = groupBy(current.backends, (b) => b.pool);
  const planned: Planned[] = [];
  for (const [i, { backends: entries, ...entry }] of wanted.entries()) {
    const row = existing.get(entry.name);
    existing.delete(entry.name);
    const path = `pools.${i}`;
    const operation = planPool(row, entry, path);
    if (operation) planned.push({ phase: PHASE.pools, operation });
    if (entries)
      planned.push(...planBackends(entry.name, path, backends.get(entry.name) ?? [], entries, removes));
  }
  if (!removes) return planned;
  const gone = [...existing.keys()].flatMap((name) => {
    const phase = inUse.has(name) ? PHASE.lateRemovals : PHASE.removals;
    const pool = { kind: 'pool', action: 'delete', name, path: 'pools' } as const;
    return [
      ...(backends.get(name) ?? []).map((b) => ({
        phase,
        operation: removal(name, b.id, b.address, 'pools'),
      })),
      { phase, operation: pool },
    ];
  });
  return [...planned, ...gone];
}

function planPool(row: PoolRow | undefined, entry: CreatePoolRequest, path: string): Operation | null {
  const common = { kind: 'pool' as const, name: entry.name, path };
  if (!row) return { ...common, action: 'create', request: entry };
  const { name: _name, ...given } = entry;
  const change = changedFields(given, poolEntry(row), {
    health_check: (check) => withDefaults(check ?? {}, row.health_check),
  });
  return change ? { ...common, action: 'update', change, fields: Object.keys(change) } : null;
}

function planBackends(
  pool: string,
  path: string,
  current: CurrentRows['backends'],
  wanted: ConfigBackend[],
  removes: boolean,
): Planned[] {
  const existing = new Map(current.map((row) => [row.address, row]));
  const planned: Planned[] = [];
  for (const [i, entry] of wanted.entries()) {
    const address = backendKey(entry.address);
    const row = existing.get(address);
    existing.delete(address);
    const common = { kind: 'backend' as const, name: `${address} in ${pool}`, path: `${path}.backends.${i}` };
    if (!row) {
      const operation = { ...common, action: 'create' as const, request: { ...entry, pool } };
      planned.push({ phase: PHASE.backends, operation });
      continue;
    }
    const { address: _address, ...given } = entry;
    const change = changedFields(given, backendEntry(row), { health_check: (c) => c && defined(c) });
    // a change adds to the fields that a backend has of its own; to lose one, they are all taken off first
    const resetCheck = change?.health_check !== undefined && row.health_check !== null;
    if (change)
      planned.push({
        phase: PHASE.backends,
        operation: {
          ...common,
          action: 'update',
          id: row.id,
          change,
          resetCheck,
          fields: Object.keys(change),
        },
      });
  }
  if (!removes) return planned;
  const gone = [...existing.values()].map((row) => ({
    phase: PHASE.removals,
    operation: removal(pool, row.id, row.address, path),
  }));
  return [...planned, ...gone];
}

const removal = (pool: string, id: string, address: string, path: string): Operation => ({
  kind: 'backend',
  action: 'delete',
  id,
  name: `${address} in ${pool}`,
  path,
});

/** The given fields whose value is another one than now; null when there is none. */
function changedFields<T extends object>(
  given: T,
  current: Partial<T>,
  normal: { [K in keyof T]?: (value: T[K]) => unknown },
): Partial<T> | null {
  const changed = (Object.entries(given) as [keyof T, T[keyof T]][]).filter(([key, value]) => {
    if (value === undefined) return false;
    const form = normal[key] ?? ((v: unknown) => v);
    return canonical(form(value)) !== canonical(form(current[key] as T[keyof T]));
  });
  return changed.length ? (Object.fromEntries(changed) as Partial<T>) : null;
}
