import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { forbidden } from '../../common/errors.js';
import { Page, type PageRequest } from '../../common/pagination.js';
import {
  Database,
  Notifications,
  type Transaction,
  violatedConstraint,
} from '../../platform/database/index.js';
import { CorsOrigins } from '../../platform/http/index.js';
import { Journal } from '../../platform/journal/index.js';
import type { Principal } from '../../platform/security/index.js';
import { TrafficReadModel } from '../telemetry/index.js';
import { MembersService } from './members.service.js';
import { PlansReadModel } from './plans.read-model.js';
import type { Tenant } from './tenant.entity.js';
import { TENANT_CHANGED } from './tenant.events.js';
import { currentMonth, requireTenant } from './tenant-scope.js';
import {
  type CreateTenantRequest,
  TenantResponse,
  type TenantUsage,
  type UpdateTenantRequest,
} from './tenants.dto.js';
import { domainTaken } from './tenants.errors.js';
import { TenantsRepository } from './tenants.repository.js';

/** Tenants from their making to their end, with their plan, standing and settings. */
@Injectable()
export class TenantsService implements OnApplicationBootstrap {
  private readonly logger = new Logger('tenants');

  constructor(
    private readonly database: Database,
    private readonly tenants: TenantsRepository,
    private readonly members: MembersService,
    private readonly journal: Journal,
    private readonly traffic: TrafficReadModel,
    private readonly notifications: Notifications,
    private readonly origins: CorsOrigins,
    private readonly plans: PlansReadModel,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const reload = () =>
      void this.loadOrigins().catch((e: Error) => this.logger.warn(`origins: ${e.message}`));
    this.notifications.on(TENANT_CHANGED, reload);
    this.notifications.onReconnect(reload);
    await this.loadOrigins();
  }

  async list(principal: Principal, request: PageRequest, search?: string): Promise<Page<TenantResponse>> {
    const ids = principal.role === 'superadmin' ? null : [principal.tenantId];
    return this.database.system(async (tx) => {
      const page = await this.tenants.page(tx, request, ids, search);
      const responses = await this.respond(tx, page.items);
      return new Page(responses, page.total, page.page, page.limit);
    });
  }

  exists(id: string): Promise<boolean> {
    return this.database.system((tx) => this.tenants.exists(tx, id));
  }

  async get(principal: Principal, id: string): Promise<TenantResponse> {
    requireTenant(principal, id);
    return this.database.system(async (tx) => (await this.respond(tx, [await this.tenants.get(tx, id)]))[0]!);
  }

  async create(principal: Principal, request: CreateTenantRequest): Promise<TenantResponse> {
    const { admin_email, ...fields } = request;
    return this.refuseTakenDomain(request.domain, () =>
      this.database.system(async (tx) => {
        const tenant = await this.tenants.insert(tx, { plan: 'free', ...fields });
        await this.journal.record(tx, {
          tenantId: tenant.id,
          action: 'tenant.created',
          message: `Tenant '${tenant.name}' created`,
          object: { type: 'tenant', id: tenant.id, name: tenant.name },
        });
        const invited = admin_email
          ? await this.members.add(tx, principal, tenant.id, { email: admin_email, role: 'owner' })
          : null;
        await this.notifications.publish(tx, TENANT_CHANGED, { tenantId: tenant.id });
        const [response] = await this.respond(tx, [tenant]);
        return {
          ...response!,
          ...(invited?.invitation_token && { invitation_token: invited.invitation_token }),
        };
      }),
    );
  }

  async update(principal: Principal, id: string, change: UpdateTenantRequest): Promise<TenantResponse> {
    requireTenant(principal, id);
    if (principal.role !== 'superadmin' && (change.plan !== undefined || change.status !== undefined))
      throw forbidden('Only a superadmin changes a plan or status here; subscribe to change the plan');
    const response = await this.refuseTakenDomain(change.domain, () =>
      this.database.system(async (tx) => {
        const tenant = await this.tenants.lock(tx, id);
        const statusChanged = change.status !== undefined && change.status !== tenant.status;
        Object.assign(tenant, change, { settings: { ...tenant.settings, ...change.settings } });
        if (change.plan) tenant.plan_version = (await this.plans.newest(tx, change.plan)).version;
        const saved = await this.tenants.save(tx, tenant);
        const entry = {
          tenantId: id,
          action: 'tenant.updated',
          message: `Tenant '${saved.name}' changed: ${Object.keys(change).join(', ') || 'nothing'}`,
          object: { type: 'tenant', id, name: saved.name },
        };
        // a suspension takes the tenant's routes out of the data plane
        if (statusChanged) await this.journal.recordConfiguration(tx, entry);
        else await this.journal.record(tx, entry);
        await this.notifications.publish(tx, TENANT_CHANGED, { tenantId: id });
        return (await this.respond(tx, [saved]))[0]!;
      }),
    );
    // the page that made the change may ask from its new origin next
    if (change.settings?.allowed_origins) await this.loadOrigins();
    return response;
  }

  async delete(principal: Principal, id: string): Promise<void> {
    if (principal.tenantId === id) throw forbidden('The tenant that you work in cannot be deleted');
    await this.database.system(async (tx) => {
      const tenant = await this.tenants.lock(tx, id);
      await this.members.removeAll(tx, id);
      await this.tenants.delete(tx, id);
      await this.journal.recordConfiguration(tx, {
        tenantId: id,
        action: 'tenant.deleted',
        message: `Tenant '${tenant.name}' deleted`,
        object: { type: 'tenant', id, name: tenant.name },
      });
      await this.notifications.publish(tx, TENANT_CHANGED, { tenantId: id });
    });
  }

  private async respond(tx: Transaction, tenants: Tenant[]): Promise<TenantResponse[]> {
    const ids = tenants.map((t) => t.id);
    const { start, end } = currentMonth();
    const counts = await this.tenants.userCounts(tx, ids);
    const totals = await this.traffic.totalsByTenant(tx, ids, start, end);
    return tenants.map((t) => TenantResponse.from(t, counts.get(t.id) ?? 0, usageOf(totals.get(t.id))));
  }

  private async refuseTakenDomain<T>(domain: string | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (e) {
      if (violatedConstraint(e) === 'tenants_domain') throw domainTaken(domain ?? '');
      throw e;
    }
  }

  private async loadOrigins(): Promise<void> {
    this.origins.setTenantOrigins(await this.database.system((tx) => this.tenants.allowedOrigins(tx)));
  }
}

const usageOf = (
  totals: { requests: number; bytes_in: number; bytes_out: number } | undefined,
): TenantUsage => ({
  requests_per_month: totals?.requests ?? 0,
  bandwidth_gb: ((totals?.bytes_in ?? 0) + (totals?.bytes_out ?? 0)) / 1e9,
});
