import { Injectable } from '@nestjs/common';
import { invalidField } from '../../../common/errors.js';
import { Database } from '../../../platform/database/index.js';
import { GuardedClient } from '../../../platform/http-client/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { type Principal, Secrets } from '../../../platform/security/index.js';
import { requireTenant, TenantsService } from '../../tenants/index.js';
import { type OidcConfigRequest, type OidcTestResponse, SSO_ROLES } from './oidc.dto.js';
import { notConfigured } from './oidc.errors.js';
import { type OidcConfigRow, OidcRepository } from './oidc.repository.js';
import { checkProvider } from './oidc-check.js';
import { SECRET_PURPOSE } from './oidc-client.js';

const MAX_GROUPS = 100;

/** A tenant's single sign-on settings. */
@Injectable()
export class OidcService {
  constructor(
    private readonly database: Database,
    private readonly repository: OidcRepository,
    private readonly client: GuardedClient,
    private readonly secrets: Secrets,
    private readonly journal: Journal,
    private readonly tenants: TenantsService,
  ) {}

  /** @throws AppError 404 when there is none, and for another tenant */
  async get(principal: Principal, tenantId: string): Promise<OidcConfigRow> {
    requireTenant(principal, tenantId);
    const row = await this.database.tenant(tenantId, (tx) => this.repository.config(tx, tenantId));
    if (!row) throw notConfigured();
    return row;
  }

  /** @throws AppError 404 without such a tenant, 422 for an address that may not be called */
  async put(principal: Principal, tenantId: string, request: OidcConfigRequest): Promise<OidcConfigRow> {
    await this.tenants.get(principal, tenantId);
    const problem = this.client.problemOf(request.provider_url);
    if (problem) throw invalidField('provider_url', 'outgoingAddress', `provider_url ${problem}`);
    requireMapping(request.role_mapping ?? {});
    return this.database.tenant(tenantId, async (tx) => {
      const before = await this.repository.config(tx, tenantId);
      const isOther = before !== null && before.provider_url !== request.provider_url;
      const secret = request.client_secret;
      const saved = await this.repository.saveConfig(tx, {
        tenant_id: tenantId,
        provider_url: request.provider_url,
        client_id: request.client_id,
        client_secret: secret
          ? this.secrets.encrypt(secret, SECRET_PURPOSE)
          : // a secret goes to the provider that it was given for, and to nobody that an address is changed to
            (!isOther && before?.client_secret) || null,
        redirect_uri: request.redirect_uri ?? null,
        scopes: request.scopes ?? ['openid', 'profile', 'email'],
        groups_claim: request.groups_claim ?? 'groups',
        role_mapping: request.role_mapping ?? {},
        default_role: request.default_role ?? 'viewer',
        create_users: request.create_users ?? true,
      });
      // another client may be told other subjects, too (pairwise identifiers, OpenID Connect Core §8)
      if (isOther || before?.client_id !== saved.client_id) await this.repository.unlinkAll(tx, tenantId);
      await this.note(tx, tenantId, 'updated', new URL(saved.provider_url).host);
      return saved;
    });
  }

  async delete(principal: Principal, tenantId: string): Promise<void> {
    requireTenant(principal, tenantId);
    await this.database.tenant(tenantId, async (tx) => {
      if (!(await this.repository.deleteConfig(tx, tenantId))) throw notConfigured();
      await this.repository.unlinkAll(tx, tenantId);
      await this.note(tx, tenantId, 'removed', 'the provider');
    });
  }

  async test(principal: Principal, tenantId: string): Promise<OidcTestResponse> {
    return checkProvider(this.client, (await this.get(principal, tenantId)).provider_url);
  }

  private note(tx: Parameters<Journal['record']>[0], tenantId: string, verb: string, host: string) {
    return this.journal.recordSecurity(tx, {
      tenantId,
      action: `oidc.${verb}`,
      level: 'warning',
      message: `Single sign-on ${verb}: ${host}`,
      object: { type: 'oidc', id: tenantId, name: host },
    });
  }
}

function requireMapping(mapping: Record<string, unknown>): void {
  const entries = Object.entries(mapping);
  if (entries.length > MAX_GROUPS)
    throw invalidField('role_mapping', 'maxGroups', `role_mapping has at most ${MAX_GROUPS} groups`);
  for (const [group, role] of entries)
    if (group.length > 300 || !SSO_ROLES.includes(role as never))
      throw invalidField(
        `role_mapping.${group.slice(0, 100)}`,
        'isIn',
        `role_mapping gives ${SSO_ROLES.join(', ')}`,
      );
}
