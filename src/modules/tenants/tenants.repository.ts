import { Injectable } from '@nestjs/common';
import { notFound } from '../../common/errors.js';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';
import type { LimitedKind, PlanId } from './plans.js';
import { COUNTED, PlansReadModel } from './plans.read-model.js';
import { Tenant, type TenantSettings } from './tenant.entity.js';

export interface NewTenant {
  name: string;
  domain?: string | null;
  plan: PlanId;
  settings?: TenantSettings;
}

@Injectable()
export class TenantsRepository {
  constructor(private readonly plans: PlansReadModel) {}

  async page(
    tx: Transaction,
    request: PageRequest,
    ids: string[] | null,
    search?: string,
  ): Promise<Page<Tenant>> {
    const query = tx.getRepository(Tenant).createQueryBuilder('t').orderBy('t.created_at').addOrderBy('t.id');
    if (ids) query.andWhere('t.id = ANY(:ids)', { ids });
    if (search)
      query.andWhere('(lower(t.name) LIKE :like OR t.id = :search)', {
        like: `${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`,
        search,
      });
    const [items, total] = await query.skip(offsetOf(request)).take(request.limit).getManyAndCount();
    return new Page(items, total, request.page, request.limit);
  }

  exists(tx: Transaction, id: string): Promise<boolean> {
    return tx.getRepository(Tenant).existsBy({ id });
  }

  async get(tx: Transaction, id: string): Promise<Tenant> {
    const tenant = await tx.getRepository(Tenant).findOneBy({ id });
    if (!tenant) throw notFound('Tenant', id);
    return tenant;
  }

  /**
   * As `get`, locked until the transaction ends. Rows that refer to the tenant can still be inserted meanwhile: their
   * foreign keys take a weaker lock, which FOR UPDATE would make wait, or deadlock with.
   */
  async lock(tx: Transaction, id: string): Promise<Tenant> {
    const tenant = await tx
      .getRepository(Tenant)
      .findOne({ where: { id }, lock: { mode: 'for_no_key_update' } });
    if (!tenant) throw notFound('Tenant', id);
    return tenant;
  }

  /** On the newest version of its plan. */
  async insert(tx: Transaction, tenant: NewTenant): Promise<Tenant> {
    const repository = tx.getRepository(Tenant);
    return repository.save(
      repository.create({
        id: newId('tenant'),
        status: 'active',
        settings: {},
        domain: null,
        plan_version: (await this.plans.newest(tx, tenant.plan)).version,
        ...tenant,
      }),
    );
  }

  save(tx: Transaction, tenant: Tenant): Promise<Tenant> {
    return tx.getRepository(Tenant).save(tenant);
  }

  async delete(tx: Transaction, id: string): Promise<void> {
    await tx.getRepository(Tenant).delete({ id });
  }

  async count(tx: Transaction, tenantId: string, kind: LimitedKind): Promise<number> {
    const [row] = await tx.query(`SELECT count(*)::int AS n FROM ${COUNTED[kind]} WHERE tenant_id = $1`, [
      tenantId,
    ]);
    return row.n;
  }

  async userCounts(tx: Transaction, ids: string[]): Promise<Map<string, number>> {
    const rows: { tenant_id: string; n: number }[] = await tx.query(
      'SELECT tenant_id, count(*)::int AS n FROM memberships WHERE tenant_id = ANY($1) GROUP BY tenant_id',
      [ids],
    );
    return new Map(rows.map((r) => [r.tenant_id, r.n]));
  }

  /** Origins that any active tenant allows. */
  async allowedOrigins(tx: Transaction): Promise<string[]> {
    const rows: { origin: string }[] = await tx.query(
      `SELECT DISTINCT jsonb_array_elements_text(settings -> 'allowed_origins') AS origin FROM tenants
       WHERE status = 'active' AND jsonb_typeof(settings -> 'allowed_origins') = 'array'`,
    );
    return rows.map((r) => r.origin);
  }
}
