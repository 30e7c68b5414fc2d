import { Injectable } from '@nestjs/common';
import { defined } from '../../common/defined.js';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { Database, type Transaction, together, violatedConstraint } from '../../platform/database/index.js';
import { checkIfMatch } from '../../platform/http/index.js';
import { Journal } from '../../platform/journal/index.js';
import {
  type BackendRow,
  BackendsReadModel,
  DEFAULT_HEALTH_CHECK,
  requireTimeoutWithinInterval,
  withDefaults,
} from '../backends/index.js';
import { PlanLimits } from '../tenants/index.js';
import type { CreatePoolRequest, UpdatePoolRequest } from './pools.dto.js';
import { poolExists, poolInUse, poolNotFound } from './pools.errors.js';
import type { PoolFilter, PoolRow, PoolWithBackends } from './pools.read-model.js';
import { type NewPool, PoolsRepository } from './pools.repository.js';

/** Makes, changes and removes a tenant's pools. */
@Injectable()
export class PoolsService {
  constructor(
    private readonly database: Database,
    private readonly pools: PoolsRepository,
    private readonly backends: BackendsReadModel,
    private readonly journal: Journal,
    private readonly limits: PlanLimits,
  ) {}

  list(tenantId: string, filter: PoolFilter, page: PageRequest): Promise<Page<PoolWithBackends>> {
    return this.database.tenant(tenantId, async (tx) => {
      const rows = await this.pools.find(tx, tenantId, filter, { limit: page.limit, offset: offsetOf(page) });
      const total = await this.pools.count(tx, tenantId, filter);
      return new Page(await this.withBackends(tx, tenantId, rows), total, page.page, page.limit);
    });
  }

  async get(tenantId: string, name: string): Promise<PoolWithBackends> {
    const found = await this.pools.read(this.database, tenantId, name);
    if (!found) throw poolNotFound(name);
    return found;
  }

  /** @throws AppError 403 at the plan's limit, 409 when the name is taken */
  create(tenantId: string, request: CreatePoolRequest): Promise<PoolWithBackends> {
    return this.database.tenant(tenantId, (tx) => this.createIn(tx, tenantId, request));
  }

  /** As `create`, as a part of `tx`. */
  createIn(tx: Transaction, tenantId: string, request: CreatePoolRequest): Promise<PoolWithBackends> {
    const health_check = withDefaults(request.health_check ?? {}, DEFAULT_HEALTH_CHECK);
    requireTimeoutWithinInterval(health_check);
    return this.refuseTaken(request.name, async () => {
      await this.limits.requireRoom(tx, tenantId, 'pools');
      const fields: NewPool = {
        id: newId('pool'),
        tenant_id: tenantId,
        name: request.name,
        algorithm: request.algorithm,
        sticky_sessions: request.sticky_sessions ?? false,
        health_check,
        connect_timeout: request.connect_timeout ?? '5s',
        response_timeout: request.response_timeout ?? '30s',
        retries: request.retries ?? 2,
      };
      const [pool] = await together(this.pools.insert(tx, fields), this.record(tx, fields, 'created'));
      return { pool, backends: [] };
    });
  }

  /** @throws AppError 404, 412 when it is at another version, 409 when the new name is taken */
  update(
    tenantId: string,
    name: string,
    change: UpdatePoolRequest,
    ifMatch: number[] | null,
  ): Promise<PoolWithBackends> {
    return this.database.tenant(tenantId, (tx) => this.updateIn(tx, tenantId, name, change, ifMatch));
  }

  /** As `update`, as a part of `tx`. */
  updateIn(
    tx: Transaction,
    tenantId: string,
    name: string,
    change: UpdatePoolRequest,
    ifMatch: number[] | null = null,
  ): Promise<PoolWithBackends> {
    return this.refuseTaken(change.name ?? name, async () => {
      const pool = await this.locked(tx, tenantId, name, ifMatch);
      const health_check = withDefaults(change.health_check ?? {}, pool.health_check);
      requireTimeoutWithinInterval(health_check);
      const changed = { ...pool, ...defined(change), health_check };
      const [saved, , backends] = await together(
        this.pools.save(tx, changed),
        this.record(tx, changed, 'updated', Object.keys(change)),
        this.backends.ofPools(tx, tenantId, [pool.id]),
      );
      return { pool: saved, backends };
    });
  }

  /** @throws AppError 404, 412, and 409 while backends or routes are left */
  async delete(tenantId: string, name: string, ifMatch: number[] | null): Promise<void> {
    await this.database.tenant(tenantId, (tx) => this.deleteIn(tx, tenantId, name, ifMatch));
  }

  /** As `delete`, as a part of `tx`. */
  async deleteIn(tx: Transaction, tenantId: string, name: string, ifMatch: number[] | null = null) {
    const pool = await this.locked(tx, tenantId, name, ifMatch);
    const users = await this.pools.users(tx, pool);
    if (users.backends.length || users.routes.length) throw poolInUse(name, users);
    await together(this.pools.delete(tx, pool), this.record(tx, pool, 'deleted'));
  }

  private async withBackends(
    tx: Transaction,
    tenantId: string,
    pools: PoolRow[],
  ): Promise<PoolWithBackends[]> {
    if (!pools.length) return [];
    const backends = await this.backends.ofPools(
      tx,
      tenantId,
      pools.map((p) => p.id),
    );
    const byPool = new Map<string, BackendRow[]>(pools.map((pool) => [pool.id, []]));
    for (const backend of backends) byPool.get(backend.pool_id)?.push(backend);
    return pools.map((pool) => ({ pool, backends: byPool.get(pool.id)! }));
  }

  private async locked(
    tx: Transaction,
    tenantId: string,
    name: string,
    ifMatch: number[] | null,
  ): Promise<PoolRow> {
    const pool = await this.pools.lock(tx, tenantId, name);
    if (!pool) throw poolNotFound(name);
    checkIfMatch(ifMatch, pool.version);
    return pool;
  }

  private record(tx: Transaction, pool: NewPool, verb: 'created' | 'updated' | 'deleted', fields?: string[]) {
    return this.journal.recordConfiguration(tx, {
      tenantId: pool.tenant_id,
      action: `pool.${verb}`,
      message: `Pool '${pool.name}' ${verb}${fields?.length ? `: ${fields.join(', ')}` : ''}`,
      object: { type: 'pool', id: pool.id, name: pool.name },
    });
  }

  private async refuseTaken<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (e) {
      if (violatedConstraint(e) === 'pools_tenant_id_name_key') throw poolExists(name);
      throw e;
    }
  }
}
