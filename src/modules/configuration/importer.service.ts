import { Injectable } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { AppError, badRequest, type FieldError, invalid } from '../../common/errors.js';
import { Database, prepared, rowsOf, type Transaction, toAppError } from '../../platform/database/index.js';
import { fieldErrors, REQUEST_CHECKS, requestContext } from '../../platform/http/index.js';
import { Journal } from '../../platform/journal/index.js';
import { BackendsService } from '../backends/index.js';
import { PoolsService } from '../pools/index.js';
import { RoutesService } from '../routes/index.js';
import { ConfigurationReader } from './configuration.reader.js';
import { ConfigImport } from './document.dto.js';
import { duplicates, type ImportMode, type Operation, planImport } from './plan.js';

export interface ImportOptions {
  mode: ImportMode;
  /** Finds out what would happen and takes it back. */
  dryRun: boolean;
  /** What the history calls it. */
  note?: string;
}

export interface ImportOutcome {
  operations: Operation[];
  /** Configuration version with the change; null when nothing changed. */
  version: number | null;
}

/** Ends a dry run: everything that the transaction did is taken back. */
class TakenBack extends Error {
  constructor(readonly operations: Operation[]) {
    super('dry run');
  }
}

/** Brings a tenant's configuration to what a document says, in one transaction, through the same verbs as the API. */
@Injectable()
export class Importer {
  constructor(
    private readonly database: Database,
    private readonly journal: Journal,
    private readonly reader: ConfigurationReader,
    private readonly pools: PoolsService,
    private readonly backends: BackendsService,
    private readonly routes: RoutesService,
  ) {}

  /** @throws AppError 422 with every error of the document, each with its path; nothing has changed then */
  async run(tenantId: string, body: unknown, options: ImportOptions): Promise<ImportOutcome> {
    const document = await parseDocument(body);
    try {
      const operations = await this.database.system(async (tx) => {
        await this.journal.lockConfiguration(tx, tenantId);
        const operations = planImport(await this.reader.read(tx, tenantId), document, options.mode);
        await this.apply(tx, tenantId, operations, options.note ?? 'Configuration imported');
        if (options.dryRun) throw new TakenBack(operations);
        return operations;
      });
      return { operations, version: requestContext()?.configVersion ?? null };
    } catch (e) {
      if (e instanceof TakenBack) return { operations: e.operations, version: null };
      throw e;
    }
  }

  /** All errors are found before any is told. */
  private async apply(
    tx: Transaction,
    tenantId: string,
    operations: Operation[],
    note: string,
  ): Promise<void> {
    const errors: FieldError[] = [];
    const attempt = async (operation: Operation, work: () => Promise<unknown>) => {
      const error = await attempted(tx, work);
      if (error) errors.push(...located(error, operation.path));
      return !error;
    };
    const claimed: Operation[] = [];
    for (const operation of operations) {
      const isNewRoute = operation.kind === 'route' && operation.action === 'create';
      const claim = () => this.routes.claimHost(tx, tenantId, isNewRoute ? operation.request.host : '');
      if (!isNewRoute || (await attempt(operation, claim))) claimed.push(operation);
    }
    await this.database.narrowTo(tx, tenantId);
    if (operations.length)
      await this.journal.recordConfiguration(tx, {
        tenantId,
        action: 'config.imported',
        message: `${note}: ${summaryOf(operations)}`,
        object: { type: 'configuration', id: tenantId },
      });
    for (const operation of claimed) await attempt(operation, () => this.perform(tx, tenantId, operation));
    if (errors.length) throw invalid(errors);
  }

  private async perform(tx: Transaction, tenantId: string, o: Operation): Promise<unknown> {
    switch (o.kind) {
      case 'pool':
        if (o.action === 'create') return this.pools.createIn(tx, tenantId, o.request);
        if (o.action === 'update') return this.pools.updateIn(tx, tenantId, o.name, o.change);
        return this.pools.deleteIn(tx, tenantId, o.name);
      case 'backend':
        if (o.action === 'create') return this.backends.createIn(tx, tenantId, o.request);
        if (o.action === 'delete') return this.backends.deleteIn(tx, tenantId, o.id);
        if (o.resetCheck) await this.backends.updateIn(tx, tenantId, o.id, { health_check: null });
        return this.backends.updateIn(tx, tenantId, o.id, o.change);
      case 'route':
        if (o.action === 'create') return this.routes.createIn(tx, tenantId, o.request);
        if (o.action === 'update') return this.routes.updateIn(tx, tenantId, o.id, o.change);
        return this.routes.deleteIn(tx, tenantId, o.id);
    }
  }
}

/** How many objects are made, changed and deleted. */
export const changesOf = (operations: readonly Operation[]) => {
  const count = (action: Operation['action']) => operations.filter((o) => o.action === action).length;
  return { created: count('create'), updated: count('update'), deleted: count('delete') };
};

const summaryOf = (operations: readonly Operation[]): string => {
  const { created, updated, deleted } = changesOf(operations);
  return `${created} created, ${updated} updated, ${deleted} deleted`;
};

const SAVEPOINT = prepared('SAVEPOINT entry');
const RELEASE = prepared('RELEASE SAVEPOINT entry');

/** Runs `work` so that its failure leaves the transaction usable. @returns the error, when it is one of the request */
export async function attempted(tx: Transaction, work: () => Promise<unknown>): Promise<AppError | null> {
  // leaves together with the first statement of the work, and cannot fail where that does not
  rowsOf(tx, SAVEPOINT).catch(() => undefined);
  try {
    await work();
    await rowsOf(tx, RELEASE);
    return null;
  } catch (e) {
    const error = toAppError(e);
    if (!error || error.status >= 500) throw e;
    await tx.query('ROLLBACK TO SAVEPOINT entry');
    return error;
  }
}

/** The error's fields with their place in the document. */
export function located(error: AppError, path: string): FieldError[] {
  if (error.status !== 422 || !error.details.length)
    return [{ field: path, constraint: error.code, message: `${path}: ${error.message}` }];
  return error.details.map((d) => ({
    ...d,
    field: `${path}.${d.field}`,
    message: `${path}.${d.message.startsWith(d.field) ? '' : `${d.field}: `}${d.message}`,
  }));
}

/** @throws AppError 422 with an error a wrong field, 400 when it is no document at all */
async function parseDocument(body: unknown): Promise<ConfigImport> {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw badRequest('INVALID_DOCUMENT', 'A configuration document is an object with pools and routes');
  const document = plainToInstance(ConfigImport, body);
  const errors = await validate(document, REQUEST_CHECKS);
  if (errors.length) throw invalid(fieldErrors(errors));
  const twice = duplicates(document);
  if (twice.length) throw invalid(twice);
  if (!document.pools && !document.routes)
    throw invalid([
      { field: 'pools', constraint: 'section', message: 'the document has neither pools nor routes' },
    ]);
  return document;
}
