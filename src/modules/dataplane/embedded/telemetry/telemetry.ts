import type { AccessSample, PathDelta, TelemetryBatch, TrafficDelta } from '../../engine.js';
import type { Backend } from '../pools/backend.js';
import type { Route } from '../routing/route.js';
import { AccessLog } from './access-log.js';
import { PathCounters } from './path-counters.js';
import { RouteCounters } from './route-counters.js';

const LONGEST_LOGGED_PATH = 1_024;

/** A request that is over, or a WebSocket connection that was opened. */
export interface FinishedRequest {
  readonly route: Route;
  readonly poolId: string | null;
  readonly backend: Backend | null;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly latencyMs: number;
  readonly clientAddress: string;
  readonly requestId: string;
}

class TenantTelemetry {
  readonly paths = new PathCounters();
  readonly log: AccessLog;

  constructor(random: () => number) {
    this.log = new AccessLog(random);
  }
}

/** Counts what the engine does; every figure is handed out once. */
export class Telemetry {
  private activeRoutes: RouteCounters[] = [];
  private tenants = new Map<string, TenantTelemetry>();
  private unknownHosts = 0;

  constructor(private readonly random: () => number) {}

  countersFor(tenantId: string, routeId: string): RouteCounters {
    return new RouteCounters(tenantId, routeId, this.activeRoutes);
  }

  unknownHost(): void {
    this.unknownHosts++;
  }

  request(finished: FinishedRequest): void {
    const { route, status, latencyMs } = finished;
    route.counters.count(finished.poolId, finished.backend, status, latencyMs);
    let tenant = this.tenants.get(route.tenantId);
    if (!tenant) {
      tenant = new TenantTelemetry(this.random);
      this.tenants.set(route.tenantId, tenant);
    }
    tenant.paths.count(finished.path, status, latencyMs);
    tenant.log.add(status, () => sampleOf(finished));
  }

  drain(): TelemetryBatch {
    const traffic: TrafficDelta[] = [];
    const paths: PathDelta[] = [];
    const samples: AccessSample[] = [];
    for (const counters of this.activeRoutes.splice(0)) counters.drainInto(traffic);
    for (const [tenantId, tenant] of this.tenants) {
      tenant.paths.drainInto(paths, tenantId);
      tenant.log.drainInto(samples);
    }
    this.tenants.clear();
    const unknownHostRequests = this.unknownHosts;
    this.unknownHosts = 0;
    return { traffic, paths, samples, unknownHostRequests };
  }
}

function sampleOf(finished: FinishedRequest): AccessSample {
  const { route, poolId, backend, method, path, status, latencyMs, clientAddress, requestId } = finished;
  return {
    at: new Date(),
    tenantId: route.tenantId,
    routeId: route.config.id,
    poolId,
    backendId: backend?.id ?? null,
    method,
    path: path.slice(0, LONGEST_LOGGED_PATH),
    status,
    latencyMs,
    clientAddress,
    requestId,
  };
}
