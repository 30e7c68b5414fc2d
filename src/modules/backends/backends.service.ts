import { Injectable } from '@nestjs/common';
import { defined } from '../../common/defined.js';
import { newId } from '../../common/ids.js';
import type { HealthState } from '../../common/load-balancing.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { Database, type Transaction, together, violatedConstraint } from '../../platform/database/index.js';
import { checkIfMatch } from '../../platform/http/index.js';
import { Journal } from '../../platform/journal/index.js';
import { LiveBackends } from '../telemetry/index.js';
import { PlanLimits } from '../tenants/index.js';
import { BackendAddressPolicy } from './address-policy.js';
import type { CreateBackendRequest, UpdateBackendRequest } from './backends.dto.js';
import { backendExists, backendNotFound, unknownPool } from './backends.errors.js';
import type { BackendFilter, BackendRow } from './backends.read-model.js';
import {
  BackendsRepository,
  type ConfiguredBackend,
  type NewBackend,
  type ParentPool,
} from './backends.repository.js';
import { type HealthCheck, requireTimeoutWithinInterval, withDefaults } from './health-check.js';

/** Makes, changes and removes the upstreams of a tenant's pools. */
@Injectable()
export class BackendsService {
  constructor(
    private readonly database: Database,
    private readonly backends: BackendsRepository,
    private readonly addresses: BackendAddressPolicy,
    private readonly journal: Journal,
    private readonly limits: PlanLimits,
    private readonly live: LiveBackends,
  ) {}

  /** @param health only backends that this node's checks see so */
  list(
    tenantId: string,
    filter: BackendFilter,
    page: PageRequest,
    health?: HealthState,
  ): Promise<Page<BackendRow>> {
    const slice = { limit: page.limit, offset: offsetOf(page) };
    return this.database.tenant(tenantId, async (tx) => {
      if (health === undefined)
        return new Page(
          await this.backends.find(tx, tenantId, filter, slice),
          await this.backends.count(tx, tenantId, filter),
          page.page,
          page.limit,
        );
      // health lives in memory, so these are filtered here
      const rows = await this.backends.find(tx, tenantId, filter);
      const matching = rows.filter((row) => (this.live.get(row.id)?.health ?? 'unknown') === health);
      const items = matching.slice(slice.offset, slice.offset + slice.limit);
      return new Page(items, matching.length, page.page, page.limit);
    });
  }

  get(tenantId: string, id: string): Promise<BackendRow> {
    return this.database.tenant(tenantId, async (tx) => {
      const row = await this.backends.get(tx, tenantId, id);
      if (!row) throw backendNotFound(id);
      return row;
    });
  }

  /** @throws AppError 403 at the plan's limit, 409 when the pool has the address, 422 for an unknown pool */
  create(tenantId: string, request: CreateBackendRequest): Promise<BackendRow> {
    return this.database.tenant(tenantId, (tx) => this.createIn(tx, tenantId, request));
  }

  /** As `create`, as a part of `tx`. */
  createIn(tx: Transaction, tenantId: string, request: CreateBackendRequest): Promise<BackendRow> {
    const address = this.addresses.accept(request.address);
    return this.refuseTaken(address, request.pool, async () => {
      const [, pool] = await together(
        this.limits.requireRoom(tx, tenantId, 'backends'),
        this.parent(tx, tenantId, request.pool),
      );
      const backend: NewBackend = {
        id: newId('backend'),
        tenant_id: tenantId,
        pool_id: pool.id,
        address,
        weight: request.weight ?? 100,
        region: request.region ?? null,
        admin_state: request.admin_state ?? 'enabled',
        health_check: overridesOf({}, request.health_check, pool),
      };
      const [made] = await together(
        this.backends.insert(tx, backend),
        this.record(tx, backend, pool, 'created'),
      );
      return rowOf(made, pool);
    });
  }

  /** @throws AppError 404, 412 when it is at another version, 409 and 422 as `create` */
  update(
    tenantId: string,
    id: string,
    change: UpdateBackendRequest,
    ifMatch: number[] | null,
  ): Promise<BackendRow> {
    return this.database.tenant(tenantId, (tx) => this.updateIn(tx, tenantId, id, change, ifMatch));
  }

  /** As `update`, as a part of `tx`. */
  updateIn(
    tx: Transaction,
    tenantId: string,
    id: string,
    change: UpdateBackendRequest,
    ifMatch: number[] | null = null,
  ): Promise<BackendRow> {
    const { address, pool: poolName, health_check, ...plain } = change;
    const accepted = address === undefined ? undefined : this.addresses.accept(address);
    return this.refuseTaken(address ?? '', poolName, async () => {
      const { backend, pool: before } = await this.locked(tx, tenantId, id, ifMatch);
      const pool = poolName === undefined ? before : await this.parent(tx, tenantId, poolName);
      Object.assign(backend, defined(plain), { pool_id: pool.id, address: accepted ?? backend.address });
      if (health_check !== undefined)
        backend.health_check = overridesOf(backend.health_check ?? {}, health_check, pool);
      const [saved] = await together(
        this.backends.save(tx, backend),
        this.record(tx, backend, pool, 'updated', Object.keys(change), before),
      );
      return rowOf(saved, pool);
    });
  }

  async delete(tenantId: string, id: string, ifMatch: number[] | null): Promise<void> {
    await this.database.tenant(tenantId, (tx) => this.deleteIn(tx, tenantId, id, ifMatch));
  }

  /** As `delete`, as a part of `tx`. */
  async deleteIn(tx: Transaction, tenantId: string, id: string, ifMatch: number[] | null = null) {
    const { backend, pool } = await this.locked(tx, tenantId, id, ifMatch);
    await together(this.backends.delete(tx, backend), this.record(tx, backend, pool, 'deleted'));
  }

  private async locked(tx: Transaction, tenantId: string, id: string, ifMatch: number[] | null) {
    const found = await this.backends.lock(tx, tenantId, id);
    if (!found) throw backendNotFound(id);
    checkIfMatch(ifMatch, found.backend.version);
    return found;
  }

  private async parent(tx: Transaction, tenantId: string, name: string): Promise<ParentPool> {
    const pool = await this.backends.parentByName(tx, tenantId, name);
    if (!pool) throw unknownPool(name);
    return pool;
  }

  private record(
    tx: Transaction,
    backend: NewBackend,
    pool: ParentPool,
    verb: 'created' | 'updated' | 'deleted',
    fields?: string[],
    before = pool,
  ) {
    return this.journal.recordConfiguration(tx, {
      tenantId: backend.tenant_id,
      action: `backend.${verb}`,
      message: `Backend '${backend.address}' in pool '${pool.name}' ${verb}${fields?.length ? `: ${fields.join(', ')}` : ''}`,
      object: { type: 'backend', id: backend.id, name: backend.address },
      affects: [pool.id, before.id],
    });
  }

  private async refuseTaken<T>(
    address: string,
    pool: string | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (e) {
      if (violatedConstraint(e) === 'backends_tenant_id_pool_id_address_key')
        throw backendExists(address, pool);
      throw e;
    }
  }
}

/** What differs from the pool's check after a change; null takes everything off. */
function overridesOf(
  before: Partial<HealthCheck>,
  change: Partial<HealthCheck> | null | undefined,
  pool: ParentPool,
): Partial<HealthCheck> | null {
  if (!change) return null;
  const overrides = { ...before, ...defined(change) };
  requireTimeoutWithinInterval(withDefaults(overrides, pool.health_check));
  return overrides;
}

const rowOf = (backend: ConfiguredBackend, pool: ParentPool): BackendRow => ({
  ...backend,
  pool: pool.name,
  pool_health_check: pool.health_check,
});
