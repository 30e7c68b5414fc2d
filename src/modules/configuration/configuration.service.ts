import {
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { AppError, forbidden, notFound } from '../../common/errors.js';
import { Page, type PageRequest } from '../../common/pagination.js';
import { Database } from '../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { Journal } from '../../platform/journal/index.js';
import type { Principal } from '../../platform/security/index.js';
import { TenantsService } from '../tenants/index.js';
import { ConfigVersionsRepository, type VersionRow } from './config-versions.repository.js';
import type {
  ConfigResponse,
  ConfigVersion,
  ConfigVersionDetail,
  DiffResponse,
  ImportResponse,
  TenantConfig,
  TenantConfigResponse,
  ValidateResponse,
} from './configuration.dto.js';
import { ConfigurationReader } from './configuration.reader.js';
import { differences } from './diff.js';
import type { ConfigDocument } from './document.dto.js';
import { canonical, rowsOf, toDocument } from './document.js';
import { changesOf, Importer, type ImportOptions, type ImportOutcome } from './importer.service.js';

/** What is kept of each tenant's history; the second bounds it where every version changed thousands of entries. */
const KEPT = { versions: 500, pastEntries: 100_000 };
/** Types of the journal's objects that are parts of a document, and of those that are none. */
const PARTS = new Set(['pool', 'backend', 'route']);
const NO_PARTS = new Set(['configuration', 'tenant', 'certificate']);
const PRUNE_MS = 3_600_000;
const SUMMARY_ENTRIES = 3;

/** A tenant's configuration as one document, and its history. */
@Injectable()
export class ConfigurationService implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private pruning?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly journal: Journal,
    private readonly reader: ConfigurationReader,
    private readonly versions: ConfigVersionsRepository,
    private readonly importer: Importer,
    private readonly tenants: TenantsService,
    private readonly leader: Leader,
  ) {}

  onModuleInit(): void {
    this.journal.onConfigurationChange(async (tx, change) => {
      if (change.summary.length === 0) return;
      await this.versions.insert(tx, {
        tenantId: change.tenantId,
        actor_id: change.actor.id,
        actor_name: change.actor.name,
        summary: summarised(change.summary),
        changed: changedIds(change.objects),
      });
    });
  }

  onApplicationBootstrap(): void {
    this.pruning = repeat('config versions', PRUNE_MS, async () => {
      if (this.leader.isLeader) await this.leader.lead((tx) => this.versions.prune(tx, KEPT));
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.pruning?.stop();
  }

  document(tenantId: string): Promise<ConfigDocument> {
    return this.database.tenant(tenantId, async (tx) => toDocument(await this.reader.read(tx, tenantId)));
  }

  /** @throws AppError 403 when somebody else than a superadmin asks for the installation's */
  async overview(principal: Principal, scope: 'tenant' | 'installation' = 'tenant'): Promise<ConfigResponse> {
    if (scope === 'installation' && principal.role !== 'superadmin')
      throw forbidden('Only a superadmin reads the configuration of the installation');
    const tenant = await this.tenants.get(principal, principal.tenantId);
    const { pools, routes } = await this.document(principal.tenantId);
    return {
      global: {
        tenant_id: tenant.id,
        tenant: tenant.name,
        plan: tenant.plan,
        status: tenant.status,
        config_version: await this.newest(principal.tenantId),
      },
      pools: Object.fromEntries(pools.map(({ name, ...pool }) => [name, pool])),
      routes,
      ...(scope === 'installation' && { tenants: await this.installation(principal) }),
    };
  }

  /** @throws AppError 404 for another tenant */
  async ofTenant(principal: Principal, tenantId: string): Promise<TenantConfigResponse> {
    const { settings } = await this.tenants.get(principal, tenantId);
    const { pools, routes } = await this.document(tenantId);
    return { pools, routes, settings };
  }

  async validate(tenantId: string, body: unknown): Promise<ValidateResponse> {
    try {
      await this.importer.run(tenantId, body, { mode: 'replace', dryRun: true });
      return { status: 'valid', errors: [] };
    } catch (e) {
      if (!(e instanceof AppError) || e.status !== 422) throw e;
      return {
        status: 'invalid',
        errors: e.details.map(({ field, message }) => ({ path: field, message })),
      };
    }
  }

  async import(tenantId: string, body: unknown, options: ImportOptions): Promise<ImportResponse> {
    const outcome = await this.importer.run(tenantId, body, options);
    return respond(options.dryRun ? 'planned' : 'imported', outcome);
  }

  listVersions(tenantId: string, request: PageRequest): Promise<Page<ConfigVersion>> {
    return this.database.tenant(tenantId, async (tx) =>
      (await this.versions.page(tx, tenantId, request)).map(versionResponse),
    );
  }

  /** @throws AppError 404 */
  async version(tenantId: string, version: number): Promise<ConfigVersionDetail> {
    return this.database.tenant(tenantId, async (tx) => {
      const row = await this.versions.get(tx, tenantId, version);
      if (!row) throw notFound('Configuration version', String(version));
      const document =
        row.document ?? toDocument(rowsOf(await this.versions.entriesAt(tx, tenantId, version)));
      return { ...versionResponse(row), document: JSON.parse(canonical(document)) as ConfigDocument };
    });
  }

  /** What changed from version `against` to `version`. */
  async diff(tenantId: string, version: number, against: number): Promise<DiffResponse> {
    const from = await this.version(tenantId, against);
    const to = await this.version(tenantId, version);
    return { from: against, to: version, changes: differences(from.document, to.document) };
  }

  /** Brings the configuration back to what it was at `version`, as a new version. */
  async restore(tenantId: string, version: number): Promise<ImportResponse> {
    const { document } = await this.version(tenantId, version);
    const note = `Configuration restored to version ${version}`;
    const outcome = await this.importer.run(tenantId, document, { mode: 'replace', dryRun: false, note });
    return respond('restored', outcome);
  }

  private newest(tenantId: string): Promise<number | null> {
    return this.database.tenant(tenantId, (tx) => this.versions.newest(tx, tenantId));
  }

  private async installation(principal: Principal): Promise<TenantConfig[]> {
    const all: TenantConfig[] = [];
    for (let page = 1; ; page++) {
      const tenants = await this.tenants.list(principal, { page, limit: 200 });
      for (const { id, name } of tenants.items) {
        const { pools, routes } = await this.document(id);
        all.push({ tenant_id: id, tenant: name, pools, routes });
      }
      if (page * 200 >= tenants.total) return all;
    }
  }
}

/** Null when something else than parts of the document was at work: then all of it is compared. */
function changedIds(objects: readonly { type: string; id: string }[]): string[] | null {
  if (objects.some(({ type }) => !PARTS.has(type) && !NO_PARTS.has(type))) return null;
  return [...new Set(objects.filter(({ type }) => PARTS.has(type)).map(({ id }) => id))];
}

function summarised(messages: string[]): string {
  const more = messages.length - SUMMARY_ENTRIES;
  return messages.slice(0, SUMMARY_ENTRIES).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

const versionResponse = (row: VersionRow): ConfigVersion => ({
  version: row.version,
  created_at: row.created_at.toISOString(),
  actor: row.actor_name,
  summary: row.summary,
});

const respond = (
  status: ImportResponse['status'],
  { operations, version }: ImportOutcome,
): ImportResponse => ({
  status,
  changes: changesOf(operations),
  plan: operations.map(({ action, kind, name, fields }) => ({ action, kind, name, fields: fields ?? [] })),
  version,
});
