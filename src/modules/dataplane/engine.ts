import type { HealthState } from '../../common/load-balancing.js';
import type { BackendStats, TelemetryBatch } from '../../common/traffic.js';
import type { Snapshot } from './snapshot.js';

export {
  type AccessSample,
  type BackendStats,
  LATENCY_BOUNDS_MS,
  type PathDelta,
  type TelemetryBatch,
  type TrafficDelta,
} from '../../common/traffic.js';

/** One implementation of the data plane. It never reads the database: the snapshot is all it knows. */
export interface DataPlaneEngine {
  readonly kind: 'embedded' | 'haproxy';
  /** Opens the listening sockets. Until the first `apply` every host is unknown (404). */
  start(): Promise<void>;
  /**
   * Puts the snapshot into effect without failing a request. Resolves when it, or a newer one, carries traffic; rejects
   * with {@link SnapshotRefused} when it cannot, and then the last good one keeps running. Calls may overlap: an engine
   * that is busy takes the newest of those that wait.
   */
  apply(snapshot: Snapshot): Promise<void>;
  health(): EngineHealth;
  /** Live figures, a copy at the moment of the call. */
  stats(): EngineStats;
  /**
   * Takes what was counted since the last call: each figure is handed out exactly once. The caller adds it to its
   * minute buckets.
   */
  drainTelemetry(): TelemetryBatch;
  /** Called when a backend's health changes, with the reason. */
  onHealthChange(listener: (change: HealthChange) => void): void;
  /** Stops accepting; requests in flight get until the deadline (milliseconds) to finish. */
  stop(deadlineMs: number): Promise<void>;
}

export interface EngineHealth {
  readonly running: boolean;
  /** Version in effect, 0 before the first. */
  readonly version: number;
  /** Why the last snapshot was refused or the engine does not run; null when all is well. */
  readonly lastError: string | null;
  /** Listening ports, as bound. */
  readonly ports: { readonly http: number | null; readonly https: number | null };
}

export interface EngineStats {
  readonly backends: ReadonlyMap<string, BackendStats>;
  readonly openConnections: number;
  readonly requestsInFlight: number;
}

export interface HealthChange {
  readonly tenantId: string;
  readonly poolId: string;
  readonly backendId: string;
  readonly from: HealthState;
  readonly to: HealthState;
  readonly reason: string;
  readonly at: Date;
}

/** The engine cannot run this snapshot; the message says which part and why, without addresses of the machine. */
export class SnapshotRefused extends Error {
  override readonly name = 'SnapshotRefused';
  /** The tenant whose slice is to blame; undefined: the snapshot as a whole, or nobody knows. */
  tenantId?: string;
}

/** Runs `work` on one tenant's slice: what it refuses names the tenant. */
export function onBehalfOf<T>(tenantId: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    if (e instanceof SnapshotRefused) e.tenantId ??= tenantId;
    throw e;
  }
}
