import { Injectable } from '@nestjs/common';
import { invalid, invalidField } from '../../common/errors.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import type { TenantRole } from '../../common/permissions.js';
import { Environment } from '../../platform/config/environment.js';
import { Database } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { PasswordHasher, type Principal } from '../../platform/security/index.js';
import { SettingsService, type UpdateSettingsRequest } from '../settings/index.js';
import { Accounts, MembersService } from '../tenants/index.js';
import {
  type AdminConfigResponse,
  type AdminStatsResponse,
  AdminUserResponse,
  type CreateAdminUserRequest,
} from './admin.dto.js';
import { effectiveEnvironment } from './effective-environment.js';
import { InstallationReadModel } from './installation.read-model.js';

/** What operators of the installation see and do. */
@Injectable()
export class AdminService {
  constructor(
    private readonly database: Database,
    private readonly installation: InstallationReadModel,
    private readonly accounts: Accounts,
    private readonly members: MembersService,
    private readonly passwords: PasswordHasher,
    private readonly journal: Journal,
    private readonly settings: SettingsService,
    private readonly environment: Environment,
  ) {}

  async stats(): Promise<AdminStatsResponse> {
    const counts = await this.database.system((tx) => this.installation.counts(tx));
    return { ...counts, uptime_seconds: Math.floor(process.uptime()) };
  }

  users(request: PageRequest, search?: string): Promise<Page<AdminUserResponse>> {
    return this.database.system(async (tx) =>
      (await this.accounts.page(tx, request, search)).map(AdminUserResponse.from),
    );
  }

  /** @throws AppError 422 when a role needs a tenant or a password, 404 for an unknown tenant, 409 when the address is taken */
  createUser(principal: Principal, request: CreateAdminUserRequest): Promise<AdminUserResponse> {
    const { role, tenant_id } = request;
    if (role === 'superadmin') return this.createSuperadmin(principal, request);
    if (!tenant_id)
      throw invalidField('tenant_id', 'required', 'tenant_id is needed for a role inside a tenant');
    return this.createMember(principal, tenant_id, { ...request, role });
  }

  config(): AdminConfigResponse {
    return { settings: this.settings.current, environment: effectiveEnvironment(this.environment) };
  }

  async updateConfig(change: UpdateSettingsRequest): Promise<AdminConfigResponse> {
    await this.settings.update(change);
    return this.config();
  }

  private async createSuperadmin(principal: Principal, request: CreateAdminUserRequest) {
    const { email, password, first_name = '', last_name = '' } = request;
    if (!password)
      throw invalid([
        { field: 'password', constraint: 'required', message: 'password is needed for a superadmin' },
      ]);
    const passwordHash = await this.passwords.hash(password);
    return this.database.system(async (tx) => {
      const person = { email, firstName: first_name, lastName: last_name, passwordHash };
      const account = await this.accounts.addSuperadmin(tx, person, request.tenant_id ?? principal.tenantId);
      await this.journal.recordSecurity(tx, {
        tenantId: null,
        action: 'user.superadmin_added',
        level: 'warning',
        message: `'${email}' is a superadmin now`,
        object: { type: 'user', id: account.id, name: email },
      });
      return AdminUserResponse.from(account);
    });
  }

  private async createMember(
    principal: Principal,
    tenantId: string,
    request: CreateAdminUserRequest & { role: TenantRole },
  ): Promise<AdminUserResponse> {
    const { email, role, password, first_name, last_name } = request;
    const made = await this.members.create(principal, tenantId, {
      email,
      role,
      password,
      first_name,
      last_name,
    });
    const account = await this.database.system((tx) => this.accounts.get(tx, made.id));
    const { invitation_token } = made;
    return { ...AdminUserResponse.from(account), ...(invitation_token && { invitation_token }) };
  }
}
