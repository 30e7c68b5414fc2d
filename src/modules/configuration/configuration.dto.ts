import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath, OmitType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, Max, Min } from 'class-validator';
import { MayBeAbsent, queryBoolean, queryInteger, WaitQuery } from '../../platform/http/index.js';
import { ConfigDocument, ConfigPool, ConfigRoute } from './document.dto.js';

export class ConfigQuery {
  /**
   * `installation`: every tenant's too; superadmins only.
   * @example tenant
   */
  @MayBeAbsent()
  @IsIn(['tenant', 'installation'])
  scope?: 'tenant' | 'installation';
}

export class ExportQuery {
  /** @example json */
  @MayBeAbsent()
  @IsIn(['json', 'yaml'])
  format?: 'json' | 'yaml';
}

export class ImportQuery extends WaitQuery {
  @ApiPropertyOptional({ description: 'Only tell what would change', type: 'boolean', example: false })
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  dry_run?: boolean;

  /**
   * `replace`: what a section of the document lacks is deleted. `merge`: nothing is deleted. `replace` when not given.
   * @example replace
   */
  @MayBeAbsent()
  @IsIn(['replace', 'merge'])
  mode?: 'replace' | 'merge';
}

export class DiffQuery {
  @ApiProperty({ description: 'Version to compare with', type: 'integer', example: 41 })
  @Transform(queryInteger)
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  against: number;
}

export class ConfigGlobal {
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** @example "Acme Corp" */
  tenant: string;
  /** @example professional */
  plan: string;
  /** @example active */
  status: string;
  /**
   * The newest version of this tenant's configuration; null before the first change.
   * @example 42
   */
  config_version: number | null;
}

export class TenantConfig {
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string;
  /** @example "Acme Corp" */
  tenant: string;
  pools: ConfigPool[];
  routes: ConfigRoute[];
}

class PoolByName extends OmitType(ConfigPool, ['name']) {}

@ApiExtraModels(PoolByName)
export class ConfigResponse {
  global: ConfigGlobal;
  @ApiProperty({
    description: 'By name',
    type: 'object',
    additionalProperties: { $ref: getSchemaPath(PoolByName) },
    example: { web_servers: { algorithm: 'round_robin', backends: [] } },
  })
  pools: Record<string, PoolByName>;
  routes: ConfigRoute[];
  /** Every tenant's, for `?scope=installation`. */
  tenants?: TenantConfig[];
}

export class ConfigError {
  /** @example routes.0.pool */
  path: string;
  /** @example "routes.0.pool: there is no pool 'api'" */
  message: string;
}

export class ValidateResponse {
  /** @example valid */
  status: 'valid' | 'invalid';
  errors: ConfigError[];
}

export class ImportChanges {
  /** @example 2 */
  created: number;
  /** @example 1 */
  updated: number;
  /** @example 0 */
  deleted: number;
}

export class PlannedChange {
  /** @example create */
  action: 'create' | 'update' | 'delete';
  /** @example pool */
  kind: 'pool' | 'backend' | 'route';
  /** @example web_servers */
  name: string;
  /**
   * Fields that change; empty for what is made or deleted.
   * @example ["algorithm"]
   */
  fields: string[];
}

export class ImportResponse {
  /**
   * `planned` after a dry run.
   * @example imported
   */
  status: 'imported' | 'planned' | 'restored';
  changes: ImportChanges;
  plan: PlannedChange[];
  /**
   * Configuration version with the change; null when nothing changed.
   * @example 42
   */
  version: number | null;
}

export class ReloadResponse {
  /** @example reloaded */
  status: string;
  /**
   * Configuration version in effect on this node.
   * @example 42
   */
  version: number;
  /**
   * SHA-256 of the configuration in effect, in hex: equal on nodes that serve the same.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  hash: string;
}

export class ConfigVersion {
  /** @example 42 */
  version: number;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;
  /** @example owner@example.com */
  actor: string;
  /** @example "Pool 'web_servers' created" */
  summary: string;
}

export class ConfigVersionDetail extends ConfigVersion {
  document: ConfigDocument;
}

const JSON_OBJECT = { type: 'object', additionalProperties: true };
/** What stands at a path of a configuration: a field's value, or a whole pool, route or list. */
const ANY_JSON = [
  { type: 'string' },
  { type: 'number' },
  { type: 'boolean' },
  JSON_OBJECT,
  { type: 'array', items: { oneOf: [{ type: 'string' }, JSON_OBJECT] } },
  { type: 'null' },
];

export class ConfigDifference {
  /** @example replace */
  op: 'add' | 'remove' | 'replace';
  /**
   * JSON pointer (RFC 6901) with names as keys.
   * @example /pools/web_servers/algorithm
   */
  path: string;
  @ApiPropertyOptional({
    description: 'Value before; absent for `add`',
    oneOf: ANY_JSON,
    example: 'random',
  })
  from?: unknown;
  @ApiPropertyOptional({
    description: 'Value after; absent for `remove`',
    oneOf: ANY_JSON,
    example: 'round_robin',
  })
  to?: unknown;
}

export class DiffResponse {
  /** @example 41 */
  from: number;
  /** @example 42 */
  to: number;
  changes: ConfigDifference[];
}

export class TenantConfigSettings {
  /** @example 50 */
  max_users: number | null;
  /** @example 500000 */
  max_requests_per_month: number | null;
  /** @example ["https://app.example.com"] */
  allowed_origins: string[];
  /** @example ["example.com"] */
  allow_registration_domains: string[];
}

export class TenantConfigResponse {
  pools: ConfigPool[];
  routes: ConfigRoute[];
  settings: TenantConfigSettings;
}
