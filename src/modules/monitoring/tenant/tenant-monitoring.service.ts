import { Injectable } from '@nestjs/common';
import { DAY_MS } from '../../../common/durations.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { Database } from '../../../platform/database/index.js';
import type { Principal } from '../../../platform/security/index.js';
import { LiveBackends, TrafficReadModel } from '../../telemetry/index.js';
import {
  currentMonth,
  type PlanLimitValues,
  PlansReadModel,
  requireTenant,
  TenantsService,
} from '../../tenants/index.js';
import { TrafficWindow } from '../traffic/traffic-window.js';
import { TenantInventoryReadModel } from './tenant-inventory.read-model.js';
import { type TenantLogFilter, TenantLogReadModel, type TenantLogRow } from './tenant-log.read-model.js';
import type {
  BackendCountsResponse,
  TenantLogEntry,
  TenantMetricsResponse,
  TenantStatusResponse,
  TenantUsageResponse,
  UsageLimitsResponse,
} from './tenant-monitoring.dto.js';

const TOP_PATHS = 10;

/** What one tenant's people see of its traffic, log and use. */
@Injectable()
export class TenantMonitoringService {
  constructor(
    private readonly database: Database,
    private readonly tenants: TenantsService,
    private readonly traffic: TrafficReadModel,
    private readonly window: TrafficWindow,
    private readonly log: TenantLogReadModel,
    private readonly inventory: TenantInventoryReadModel,
    private readonly plans: PlansReadModel,
    private readonly live: LiveBackends,
  ) {}

  async metrics(principal: Principal, tenantId: string, now = new Date()): Promise<TenantMetricsResponse> {
    await this.requireExisting(principal, tenantId);
    const yesterday = new Date(now.getTime() - DAY_MS);
    return this.database.tenant(tenantId, async (tx) => {
      const recent = await this.window.measure(tx, tenantId, now);
      const day = await this.traffic.totals(tx, tenantId, yesterday, now);
      const paths = await this.traffic.topPaths(tx, tenantId, yesterday, now, TOP_PATHS);
      return {
        ...recent,
        bandwidth_usage: { inbound_mb: day.bytes_in / 1e6, outbound_mb: day.bytes_out / 1e6 },
        top_endpoints: paths.map((p) => ({
          path: p.path,
          requests: p.requests,
          avg_response_time: p.latency_avg_ms ?? 0,
        })),
      };
    });
  }

  async logs(
    principal: Principal,
    tenantId: string,
    filter: TenantLogFilter,
    request: PageRequest,
  ): Promise<Page<TenantLogEntry>> {
    await this.requireExisting(principal, tenantId);
    return this.database.tenant(tenantId, async (tx) => {
      const rows = await this.log.page(tx, tenantId, filter, request.limit, offsetOf(request));
      const total = await this.log.count(tx, tenantId, filter);
      return new Page(rows.map(toEntry), total, request.page, request.limit);
    });
  }

  async usage(principal: Principal, tenantId: string): Promise<TenantUsageResponse> {
    const tenant = await this.tenants.get(principal, tenantId);
    const { start, end } = currentMonth();
    const { inventory, limits } = await this.database.tenant(tenantId, async (tx) => {
      const found = await this.inventory.of(tx, tenantId);
      const plan = await this.plans.get(tx, tenant.plan, found.planVersion);
      return { inventory: found, limits: plan.limits };
    });
    return {
      period_start: start.toISOString(),
      period_end: end.toISOString(),
      requests: tenant.usage.requests_per_month,
      bandwidth_gb: tenant.usage.bandwidth_gb,
      users: tenant.user_count,
      pools: inventory.pools,
      backends: inventory.backendIds.length,
      routes: inventory.routes,
      limits: limitsOf(limits, tenant.settings),
    };
  }

  async status(principal: Principal, tenantId: string): Promise<TenantStatusResponse> {
    const tenant = await this.tenants.get(principal, tenantId);
    const inventory = await this.database.tenant(tenantId, (tx) => this.inventory.of(tx, tenantId));
    return {
      status: tenant.status,
      plan: tenant.plan,
      pools: inventory.pools,
      backends: this.countBackends(inventory.backendIds),
      routes: inventory.routes,
      alerts_firing: inventory.alertsFiring,
    };
  }

  /** A superadmin asks for any tenant, also for one that does not exist. @throws AppError 404 */
  private async requireExisting(principal: Principal, tenantId: string): Promise<void> {
    requireTenant(principal, tenantId);
    if (principal.tenantId !== tenantId) await this.tenants.get(principal, tenantId);
  }

  private countBackends(ids: readonly string[]): BackendCountsResponse {
    const counts = { total: ids.length, healthy: 0, unhealthy: 0, unknown: 0 };
    for (const id of ids) counts[this.live.get(id)?.health ?? 'unknown']++;
    return counts;
  }
}

const lower = (a: number | null | undefined, b: number | null): number | null =>
  a === null || a === undefined ? b : b === null ? a : Math.min(a, b);

function limitsOf(
  limits: PlanLimitValues,
  settings: { max_users: number | null; max_requests_per_month: number | null },
): UsageLimitsResponse {
  return {
    max_users: lower(settings.max_users, limits.users),
    max_requests_per_month: lower(settings.max_requests_per_month, limits.requestsPerMonth),
    max_pools: limits.pools,
    max_backends: limits.backends,
    max_routes: limits.routes,
  };
}

const toEntry = ({ at, ...row }: TenantLogRow): TenantLogEntry => ({ timestamp: at.toISOString(), ...row });
