import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { Database, type Transaction, together, violatedConstraint } from '../../platform/database/index.js';
import { checkIfMatch } from '../../platform/http/index.js';
import { Journal } from '../../platform/journal/index.js';
import { unknownPool } from '../backends/index.js';
import { PlanLimits } from '../tenants/index.js';
import { normaliseHost, normalisePath } from './host.js';
import type { Route } from './route.entity.js';
import type { RouteFeaturesBody } from './route-features.dto.js';
import { checkFeatures, toStored } from './route-features.js';
import type { CreateRouteRequest, UpdateRouteRequest } from './routes.dto.js';
import { hostTaken, routeExists, routeNotFound } from './routes.errors.js';
import type { RouteFilter, RouteRow } from './routes.read-model.js';
import { type NewRoute, RoutesRepository } from './routes.repository.js';

/** Makes, changes and removes what decides which pool a request goes to. */
@Injectable()
export class RoutesService {
  constructor(
    private readonly database: Database,
    private readonly routes: RoutesRepository,
    private readonly journal: Journal,
    private readonly limits: PlanLimits,
  ) {}

  list(tenantId: string, filter: RouteFilter, page: PageRequest): Promise<Page<RouteRow>> {
    const host = filter.host === undefined ? undefined : (normaliseHost(filter.host) ?? filter.host);
    return this.database.tenant(tenantId, async (tx) => {
      const slice = { limit: page.limit, offset: offsetOf(page) };
      const rows = await this.routes.find(tx, tenantId, { ...filter, host }, slice);
      const total = await this.routes.count(tx, tenantId, { ...filter, host });
      return new Page(rows, total, page.page, page.limit);
    });
  }

  get(tenantId: string, id: string): Promise<RouteRow> {
    return this.database.tenant(tenantId, (tx) => this.read(tx, tenantId, id));
  }

  /** @throws AppError 403 at the plan's limit, 409 for a host of another tenant or an equal route, 422 for an unknown pool */
  create(tenantId: string, request: CreateRouteRequest): Promise<RouteRow> {
    checkFeatures(request.features ?? {});
    return this.withHost(tenantId, request.host, (tx) => this.createIn(tx, tenantId, request));
  }

  /** As `create`, as a part of `tx`, in which the host was claimed before. */
  createIn(tx: Transaction, tenantId: string, request: CreateRouteRequest): Promise<RouteRow> {
    const features = request.features ?? {};
    checkFeatures(features);
    return this.refuseEqual(async () => {
      const [, pools] = await together(
        this.limits.requireRoom(tx, tenantId, 'routes'),
        this.pools(tx, tenantId, request.pool, features),
      );
      const route: NewRoute = {
        id: newId('route'),
        tenant_id: tenantId,
        host: normaliseHost(request.host)!,
        path_prefix: normalisePath(request.path_prefix ?? '/')!,
        pool_id: pools.get(request.pool)!,
        ssl_enabled: request.ssl_enabled ?? false,
        features: toStored(features, pools),
      };
      const [, , row] = await together(
        this.routes.insert(tx, route),
        this.record(tx, route, 'created'),
        this.read(tx, tenantId, route.id),
      );
      return row;
    });
  }

  /** @throws AppError 404, 412 when it is at another version, 409 and 422 as `create` */
  update(
    tenantId: string,
    id: string,
    change: UpdateRouteRequest,
    ifMatch: number[] | null,
  ): Promise<RouteRow> {
    if (change.features) checkFeatures(change.features);
    return this.withHost(tenantId, change.host, (tx) => this.updateIn(tx, tenantId, id, change, ifMatch));
  }

  /** As `update`, as a part of `tx`, in which a new host was claimed before. */
  updateIn(
    tx: Transaction,
    tenantId: string,
    id: string,
    change: UpdateRouteRequest,
    ifMatch: number[] | null = null,
  ): Promise<RouteRow> {
    const host = change.host === undefined ? null : normaliseHost(change.host)!;
    if (change.features) checkFeatures(change.features);
    return this.refuseEqual(async () => {
      const [before, pools] = await together(
        this.locked(tx, tenantId, id, ifMatch),
        this.pools(tx, tenantId, change.pool, change.features ?? {}),
      );
      const route = changed(before, change, host, pools);
      const [, , , row] = await together(
        this.routes.save(tx, route),
        route.host === before.host ? undefined : this.routes.releaseHost(tx, tenantId, before.host),
        this.record(tx, route, 'updated', Object.keys(change), route.host !== before.host),
        this.read(tx, tenantId, id),
      );
      return row;
    });
  }

  async delete(tenantId: string, id: string, ifMatch: number[] | null): Promise<void> {
    await this.database.tenant(tenantId, (tx) => this.deleteIn(tx, tenantId, id, ifMatch));
  }

  /** As `delete`, as a part of `tx`. */
  async deleteIn(tx: Transaction, tenantId: string, id: string, ifMatch: number[] | null = null) {
    const route = await this.locked(tx, tenantId, id, ifMatch);
    await together(
      this.routes.delete(tx, route),
      this.routes.releaseHost(tx, tenantId, route.host),
      this.record(tx, route, 'deleted'),
    );
  }

  /**
   * Makes the host the tenant's, in a system transaction, as the wall hides what others have.
   * @throws AppError 409 when it is another tenant's
   */
  async claimHost(tx: Transaction, tenantId: string, host: string): Promise<void> {
    const name = normaliseHost(host)!;
    if (!(await this.routes.claimHost(tx, tenantId, name))) throw hostTaken(name);
  }

  /** Claims the host before the transaction is narrowed to the tenant. */
  private withHost<T>(
    tenantId: string,
    host: string | undefined,
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    if (host === undefined) return this.database.tenant(tenantId, work);
    return this.database.system(async (tx) => {
      await together(this.claimHost(tx, tenantId, host), this.database.narrowTo(tx, tenantId));
      return work(tx);
    });
  }

  /** Ids of the pools that a request names. @throws AppError 422 naming the field of an unknown one */
  private async pools(
    tx: Transaction,
    tenantId: string,
    pool: string | undefined,
    features: RouteFeaturesBody,
  ): Promise<Map<string, string>> {
    const split = features.split?.map((target) => target.pool) ?? [];
    const names = pool === undefined ? split : [pool, ...split];
    if (!names.length) return new Map();
    const ids = await this.routes.poolIds(tx, tenantId, names);
    if (pool !== undefined && !ids.has(pool)) throw unknownPool(pool);
    for (const [i, name] of split.entries())
      if (!ids.has(name)) throw unknownPool(name, `features.split.${i}.pool`);
    return ids;
  }

  private async read(tx: Transaction, tenantId: string, id: string): Promise<RouteRow> {
    const row = await this.routes.get(tx, tenantId, id);
    if (!row) throw routeNotFound(id);
    return row;
  }

  private async locked(
    tx: Transaction,
    tenantId: string,
    id: string,
    ifMatch: number[] | null,
  ): Promise<Route> {
    const route = await this.routes.lock(tx, tenantId, id);
    if (!route) throw routeNotFound(id);
    checkIfMatch(ifMatch, route.version);
    return route;
  }

  private record(
    tx: Transaction,
    route: NewRoute,
    verb: 'created' | 'updated' | 'deleted',
    fields?: string[],
    otherHost = true,
  ) {
    const name = route.host + route.path_prefix;
    return this.journal.recordConfiguration(tx, {
      tenantId: route.tenant_id,
      action: `route.${verb}`,
      message: `Route '${name}' ${verb}${fields?.length ? `: ${fields.join(', ')}` : ''}`,
      object: { type: 'route', id: route.id, name },
      affects: otherHost ? ['hosts'] : [],
    });
  }

  private async refuseEqual<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (e) {
      if (violatedConstraint(e) === 'routes_target') throw routeExists();
      throw e;
    }
  }
}

function changed(
  before: Route,
  change: UpdateRouteRequest,
  host: string | null,
  pools: ReadonlyMap<string, string>,
): Route {
  const { pool, path_prefix, ssl_enabled, features } = change;
  return {
    ...before,
    ...(host !== null && { host }),
    ...(path_prefix !== undefined && { path_prefix: normalisePath(path_prefix)! }),
    ...(ssl_enabled !== undefined && { ssl_enabled }),
    ...(pool !== undefined && { pool_id: pools.get(pool)! }),
    ...(features !== undefined && { features: toStored(features, pools) }),
  };
}
