import type { EngineStats, HealthChange, TelemetryBatch } from '../engine.js';
import type { PoolConfig, Snapshot } from '../snapshot.js';
import { parseAccessLine } from './access-log.js';
import { BackendMeters } from './backend-meters.js';
import { HealthMonitor } from './health-monitor.js';
import type { BackendHost } from './host-addresses.js';
import { parseStat, type StatTable } from './stats.js';
import { Telemetry } from './telemetry.js';
import { MeasuredWeights } from './weights.js';

/** Everything that HAProxy tells: its access log, its log of state changes and its statistics. */
export class Observer {
  private readonly telemetry = new Telemetry();
  private readonly meters = new BackendMeters(() => performance.now());
  private readonly weights = new MeasuredWeights();
  private readonly monitor: HealthMonitor;
  private table: StatTable = { servers: [], frontends: [] };
  private snapshot: Snapshot = { version: 0, tenants: new Map() };

  /** @param address Address of a backend's host, null when it leads to none that it may have. */
  constructor(address: (backend: BackendHost) => string | null) {
    this.monitor = new HealthMonitor(address);
  }

  /**
   * One line of HAProxy's log.
   * @param key Of genuine access lines. Lines about health have none and count only from this machine (`isLocal`).
   */
  readLine(line: string, key: string, isLocal: boolean): void {
    const access = parseAccessLine(line, key);
    if (access) {
      this.telemetry.add(access);
      this.meters.add(access);
    } else if (isLocal) {
      this.monitor.readLine(line);
    }
  }

  /** The answer to `show stat`. */
  readStatistics(csv: string): void {
    this.table = parseStat(csv);
    this.monitor.readTable(this.table, new Date());
  }

  /** The snapshot that is in effect now. */
  use(snapshot: Snapshot): void {
    if (snapshot === this.snapshot) return;
    this.snapshot = snapshot;
    this.monitor.update(snapshot);
    this.meters.keep((id) => this.monitor.has(id));
    this.weights.keep((id) => this.monitor.has(id));
  }

  isDown(backendId: string): boolean {
    return this.monitor.health(backendId) === 'unhealthy';
  }

  /** Weight from measurements, undefined to use the configured one. */
  weight(backendId: string): number | undefined {
    return this.weights.weight(backendId);
  }

  /** Sets weights anew in pools that are balanced by measurements. Returns the tenants of those that changed. */
  stepWeights(intervalMs: number): Set<string> {
    const changed = new Set<string>();
    for (const { tenantId, pools } of this.snapshot.tenants.values()) {
      for (const pool of pools) {
        if (isMeasured(pool) && this.weights.step(pool, (id) => this.sample(id), intervalMs))
          changed.add(tenantId);
      }
    }
    return changed;
  }

  stats(): EngineStats {
    return {
      backends: this.monitor.stats((id) => this.meters.responseTimeMs(id)),
      openConnections: this.table.frontends.reduce((sum, { connections }) => sum + connections, 0),
      requestsInFlight: requestsInFlight(this.table),
    };
  }

  drainTelemetry(): TelemetryBatch {
    return this.telemetry.drain();
  }

  onHealthChange(listener: (change: HealthChange) => void): void {
    this.monitor.onChange(listener);
  }

  private sample(backendId: string) {
    return { ...this.meters.take(backendId), inFlight: this.monitor.connections(backendId) };
  }
}

/** Requests that the servers work on now, over all pools. */
export function requestsInFlight({ servers }: StatTable): number {
  return servers.reduce((sum, { current }) => sum + current, 0);
}

const isMeasured = ({ algorithm }: PoolConfig): boolean =>
  algorithm === 'least_response_time' || algorithm === 'adaptive_ai';
