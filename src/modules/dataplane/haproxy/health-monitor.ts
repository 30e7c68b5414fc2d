import type { BackendStats, HealthChange } from '../engine.js';
import type { BackendConfig, HealthState, PoolConfig, Snapshot, TenantSlice } from '../snapshot.js';
import type { BackendHost } from './host-addresses.js';
import { healthOf, isEjected, type ServerRow, type StatTable } from './stats.js';

interface Watched {
  readonly tenantId: string;
  readonly poolId: string;
  config: BackendConfig;
  health: HealthState;
  connections: number;
  lastCheckAt: Date | null;
  lastError: string | null;
  ejected: boolean;
}

/** Keywords in HAProxy's log of state changes; it is one line a change. */
const CHECK_LINE =
  /^Health check for server ([^/\s]+)\/(\S+) \w+, reason: ([^,]+)(?:, code: (\d+))?.*, status: \d+\/\d+ (UP|DOWN)/;
const STATE_LINE = /^Server ([^/\s]+)\/(\S+) is (UP|DOWN)(?:, reason: ([^,]+))?(?:, code: (\d+))?/;

/**
 * What the backends' health is, from HAProxy's log (at once) and its statistics (every two seconds, which also repairs
 * what a lost line left wrong). It outlives workers: a new one that has not checked yet knows less than we do.
 */
export class HealthMonitor {
  private watched = new Map<string, Watched>();
  private slices: ReadonlyMap<string, TenantSlice> = new Map();
  private listeners: ((change: HealthChange) => void)[] = [];

  /** @param address Address of a backend's host, null when it leads to none that it may have. */
  constructor(private readonly address: (backend: BackendHost) => string | null) {}

  onChange(listener: (change: HealthChange) => void): void {
    this.listeners.push(listener);
  }

  /** Takes the backends of the snapshot in effect. A backend that stays where it was keeps its state. */
  update(snapshot: Snapshot): void {
    const before = this.slices;
    for (const [tenantId, slice] of before) {
      if (snapshot.tenants.get(tenantId) !== slice) this.forgetMissing(slice, snapshot.tenants.get(tenantId));
    }
    for (const [tenantId, slice] of snapshot.tenants) {
      const known = before.get(tenantId);
      if (known === slice) continue;
      for (const pool of without(slice.pools, known?.pools)) {
        for (const config of pool.backends) this.watch(tenantId, pool, config);
      }
    }
    this.slices = snapshot.tenants;
  }

  has(backendId: string): boolean {
    return this.watched.has(backendId);
  }

  health(backendId: string): HealthState {
    return this.watched.get(backendId)?.health ?? 'unknown';
  }

  /** Live figures; `responseTimeMs` comes from the access log. */
  stats(responseTimeMs: (backendId: string) => number | null): Map<string, BackendStats> {
    const stats = new Map<string, BackendStats>();
    for (const [backendId, { health, connections, lastCheckAt, lastError, ejected }] of this.watched) {
      const figures = { health, connections, lastCheckAt, lastError, ejected };
      stats.set(backendId, { backendId, ...figures, responseTimeMs: responseTimeMs(backendId) });
    }
    return stats;
  }

  connections(backendId: string): number {
    return this.watched.get(backendId)?.connections ?? 0;
  }

  /** Reads a line of HAProxy's log; others than those about health are ignored. */
  readLine(line: string): void {
    const check = CHECK_LINE.exec(line);
    if (check) {
      const [, section, server, reason, code, state] = check;
      this.report(section, server, state === 'UP', reason, code, false);
      return;
    }
    const change = STATE_LINE.exec(line);
    if (!change || line.includes('/READY')) return;
    const [, section, server, state, reason, code] = change;
    if (reason !== undefined)
      this.report(section, server, state === 'UP', reason, code, reason === 'Health analyze');
  }

  /** Takes the statistics of one poll. */
  readTable({ servers }: StatTable, at: Date): void {
    const connections = new Map<string, number>();
    const checks = new Map<string, ServerRow>();
    const own: ServerRow[] = [];
    for (const row of servers) {
      connections.set(row.server, (connections.get(row.server) ?? 0) + row.current);
      if (row.section.includes('.hc.')) checks.set(row.server, row);
      else if (!row.section.includes('.')) own.push(row);
    }
    for (const row of own) {
      const watched = this.watched.get(row.server);
      if (!watched || watched.poolId !== row.section) continue;
      watched.connections = connections.get(row.server) ?? 0;
      this.readRow(watched, row, checks.get(row.server) ?? row, at);
    }
  }

  private readRow(watched: Watched, row: ServerRow, check: ServerRow, at: Date): void {
    if (this.address(watched.config) === null) {
      this.move(watched, row.server, 'unhealthy', 'its host leads to no address that a backend may have');
      return;
    }
    const state = { status: row.status, checkStatus: check.checkStatus };
    const health = healthOf(state);
    if (!isChecked(watched.config) || health === null || health === 'unknown') return;
    watched.ejected = isEjected(state);
    watched.lastCheckAt = at;
    this.move(watched, row.server, health, check.checkText);
  }

  private report(
    section: string,
    server: string,
    up: boolean,
    reason: string,
    code: string | undefined,
    passive: boolean,
  ): void {
    const watched = this.watched.get(server);
    if (!watched || section.split('.', 1)[0] !== watched.poolId || !isChecked(watched.config)) return;
    if (!passive) watched.lastCheckAt = new Date();
    watched.ejected = passive && !up;
    this.move(watched, server, up ? 'healthy' : 'unhealthy', code ? `${reason}, status ${code}` : reason);
  }

  private move(watched: Watched, backendId: string, to: HealthState, reason: string): void {
    const from = watched.health;
    watched.lastError = to === 'unhealthy' ? reason : null;
    if (from === to) return;
    watched.health = to;
    const { tenantId, poolId } = watched;
    const change: HealthChange = { tenantId, poolId, backendId, from, to, reason, at: new Date() };
    for (const listener of this.listeners) listener(change);
  }

  private watch(tenantId: string, { id: poolId }: PoolConfig, config: BackendConfig): void {
    const known = this.watched.get(config.id);
    if (
      !known ||
      known.config.host !== config.host ||
      known.config.port !== config.port ||
      known.poolId !== poolId
    ) {
      const fresh = {
        health: 'unknown',
        connections: 0,
        lastCheckAt: null,
        lastError: null,
        ejected: false,
      } as const;
      this.watched.set(config.id, { tenantId, poolId, config, ...fresh });
      return;
    }
    known.config = config;
    if (!isChecked(config)) {
      known.ejected = false;
      this.move(known, config.id, 'unknown', 'health checks are off');
    }
  }

  private forgetMissing(old: TenantSlice, next: TenantSlice | undefined): void {
    const changed = without(next?.pools ?? [], old.pools);
    const kept = new Set(changed.flatMap(({ backends }) => backends.map(({ id }) => id)));
    for (const { id } of without(old.pools, next?.pools).flatMap(({ backends }) => backends)) {
      if (!kept.has(id)) this.watched.delete(id);
    }
  }
}

/** The pools that are not among the others; one that did not change is the same object. */
function without(pools: readonly PoolConfig[], others: readonly PoolConfig[] = []): PoolConfig[] {
  const same = new Set(others);
  return pools.filter((pool) => !same.has(pool));
}

function isChecked({ adminState, healthCheck }: BackendConfig): boolean {
  return healthCheck.enabled && adminState !== 'disabled';
}
