import { AccessLog } from '../embedded/telemetry/access-log.js';
import { PathCounters } from '../embedded/telemetry/path-counters.js';
import {
  type AccessSample,
  LATENCY_BOUNDS_MS,
  type PathDelta,
  type TelemetryBatch,
  type TrafficDelta,
} from '../engine.js';
import type { AccessLine } from './access-log.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly number[] ? number[] : T[K] };

interface TenantTelemetry {
  readonly paths: PathCounters;
  readonly log: AccessLog;
}

/** Counts the access log's lines; every figure is handed out once. */
export class Telemetry {
  private traffic = new Map<string, Mutable<TrafficDelta>>();
  private tenants = new Map<string, TenantTelemetry>();
  private unknownHosts = 0;

  constructor(private readonly random: () => number = Math.random) {}

  add(line: AccessLine): void {
    if (line.unknown) this.unknownHosts++;
    const { tenantId, routeId } = line;
    if (tenantId === null || routeId === null) return;
    count(this.deltaOf(tenantId, routeId, line), line);
    const tenant = this.tenantOf(tenantId);
    tenant.paths.count(line.path, line.status, line.latencyMs);
    tenant.log.add(line.status, () => sampleOf(tenantId, routeId, line));
  }

  drain(): TelemetryBatch {
    const paths: PathDelta[] = [];
    const samples: AccessSample[] = [];
    for (const [tenantId, tenant] of this.tenants) {
      tenant.paths.drainInto(paths, tenantId);
      tenant.log.drainInto(samples);
    }
    const traffic = [...this.traffic.values()] as unknown as TrafficDelta[];
    const unknownHostRequests = this.unknownHosts;
    this.traffic = new Map();
    this.tenants = new Map();
    this.unknownHosts = 0;
    return { traffic, paths, samples, unknownHostRequests };
  }

  private deltaOf(
    tenantId: string,
    routeId: string,
    { poolId, backendId }: AccessLine,
  ): Mutable<TrafficDelta> {
    const key = `${routeId} ${poolId} ${backendId}`;
    let delta = this.traffic.get(key);
    if (!delta) {
      delta = {
        tenantId,
        routeId,
        poolId,
        backendId,
        requests: 0,
        statusClasses: [0, 0, 0, 0, 0],
        latencyBuckets: new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0),
        latencySumMs: 0,
        bytesIn: 0,
        bytesOut: 0,
      };
      this.traffic.set(key, delta);
    }
    return delta;
  }

  private tenantOf(tenantId: string): TenantTelemetry {
    let tenant = this.tenants.get(tenantId);
    if (!tenant) {
      tenant = { paths: new PathCounters(), log: new AccessLog(this.random) };
      this.tenants.set(tenantId, tenant);
    }
    return tenant;
  }
}

function count(delta: Mutable<TrafficDelta>, line: AccessLine): void {
  const { status, latencyMs } = line;
  const bucket = LATENCY_BOUNDS_MS.findIndex((bound) => latencyMs <= bound);
  delta.requests++;
  delta.statusClasses[Math.min(4, Math.max(0, Math.floor(status / 100) - 1))]++;
  delta.latencyBuckets[bucket < 0 ? LATENCY_BOUNDS_MS.length : bucket]++;
  delta.latencySumMs += latencyMs;
  delta.bytesIn += line.bytesIn;
  delta.bytesOut += line.bytesOut;
}

function sampleOf(tenantId: string, routeId: string, line: AccessLine): AccessSample {
  const { poolId, backendId, method, path, status, latencyMs, clientAddress, requestId } = line;
  const at = new Date();
  return {
    at,
    tenantId,
    routeId,
    poolId,
    backendId,
    method,
    path,
    status,
    latencyMs,
    clientAddress,
    requestId,
  };
}
