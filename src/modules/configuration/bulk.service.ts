import { Injectable } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { type AppError, type FieldError, invalid, invalidField } from '../../common/errors.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import {
  type ErrorBody,
  errorBody,
  fieldErrors,
  REQUEST_CHECKS,
  requestContext,
} from '../../platform/http/index.js';
import { BackendResponse, BackendsService, CreateBackendRequest } from '../backends/index.js';
import { CreatePoolRequest, PoolResponse, PoolsService } from '../pools/index.js';
import { CreateRouteRequest, RouteResponse, RoutesService } from '../routes/index.js';
import { LiveBackends } from '../telemetry/index.js';
import { attempted, located } from './importer.service.js';

const MAX_ITEMS = 1000;

interface Kind<Request extends object, Response> {
  request: new () => Request;
  create: (tx: Transaction, tenantId: string, request: Request) => Promise<Response>;
  /** What must happen before the transaction is narrowed to the tenant. */
  prepare?: (tx: Transaction, tenantId: string, request: Request) => Promise<void>;
}

interface Result<Response> {
  index: number;
  status: number;
  resource?: Response;
  error?: ErrorBody;
}

/** Makes many of a kind in one transaction and as one configuration version, with a result an item. */
@Injectable()
export class BulkService {
  constructor(
    private readonly database: Database,
    private readonly pools: PoolsService,
    private readonly backends: BackendsService,
    private readonly routes: RoutesService,
    private readonly live: LiveBackends,
  ) {}

  createPools(tenantId: string, body: unknown, atomic: boolean) {
    return this.create<CreatePoolRequest, PoolResponse>(tenantId, body, atomic, {
      request: CreatePoolRequest,
      create: async (tx, tenant, request) =>
        PoolResponse.from(await this.pools.createIn(tx, tenant, request), this.live),
    });
  }

  createBackends(tenantId: string, body: unknown, atomic: boolean) {
    return this.create<CreateBackendRequest, BackendResponse>(tenantId, body, atomic, {
      request: CreateBackendRequest,
      create: async (tx, tenant, request) => {
        const row = await this.backends.createIn(tx, tenant, request);
        return BackendResponse.from(row, this.live.get(row.id));
      },
    });
  }

  createRoutes(tenantId: string, body: unknown, atomic: boolean) {
    return this.create<CreateRouteRequest, RouteResponse>(tenantId, body, atomic, {
      request: CreateRouteRequest,
      prepare: (tx, tenant, request) => this.routes.claimHost(tx, tenant, request.host),
      create: async (tx, tenant, request) =>
        RouteResponse.from(await this.routes.createIn(tx, tenant, request)),
    });
  }

  /** @throws AppError 422 when `atomic` and an item is refused; nothing was made then */
  private async create<Request extends object, Response>(
    tenantId: string,
    body: unknown,
    atomic: boolean,
    kind: Kind<Request, Response>,
  ) {
    const items = await Promise.all(itemsOf(body).map((item) => checked(kind.request, item)));
    const results = await this.database.system(async (tx) => {
      const failed = await this.prepare(tx, tenantId, items, kind);
      await this.database.narrowTo(tx, tenantId);
      const made: Result<Response>[] = [];
      for (const [index, item] of items.entries()) {
        let resource: Response | undefined;
        const create = async () => {
          resource = await kind.create(tx, tenantId, item.request);
        };
        const error = failed.get(index) ?? (await attempted(tx, create));
        made.push(error ? failure(index, error) : { index, status: 201, resource });
        if (error) failed.set(index, error);
      }
      if (atomic && failed.size) throw refused(failed);
      return made;
    });
    const created = results.filter((r) => r.status === 201).length;
    return { created, failed: results.length - created, results };
  }

  private async prepare<Request extends object, Response>(
    tx: Transaction,
    tenantId: string,
    items: { request: Request; error: AppError | null }[],
    { prepare }: Kind<Request, Response>,
  ): Promise<Map<number, AppError>> {
    const failed = new Map<number, AppError>();
    for (const [index, { request, error: wrong }] of items.entries()) {
      const error = wrong ?? (prepare ? await attempted(tx, () => prepare(tx, tenantId, request)) : null);
      if (error) failed.set(index, error);
    }
    return failed;
  }
}

const failure = (index: number, error: AppError) => ({
  index,
  status: error.status,
  error: errorBody(error, requestContext()?.requestId ?? ''),
});

function refused(failed: ReadonlyMap<number, AppError>): AppError {
  const details = [...failed].sort(([a], [b]) => a - b);
  return invalid(details.flatMap(([index, error]): FieldError[] => located(error, `items.${index}`)));
}

function itemsOf(body: unknown): object[] {
  const items = (body as { items?: unknown } | null)?.items;
  const isList = Array.isArray(items) && items.length > 0 && items.length <= MAX_ITEMS;
  if (!isList || items.some((item) => item === null || typeof item !== 'object' || Array.isArray(item)))
    throw invalidField('items', 'items', `items must be a list of 1 to ${MAX_ITEMS} objects`);
  const unknown = Object.keys(body as object).find((key) => key !== 'items');
  if (unknown !== undefined) throw invalidField(unknown, 'whitelist', `property ${unknown} should not exist`);
  return items;
}

async function checked<T extends object>(type: new () => T, item: object) {
  const request = plainToInstance(type, item);
  const errors = await validate(request, REQUEST_CHECKS);
  return { request, error: errors.length ? invalid(fieldErrors(errors)) : null };
}
