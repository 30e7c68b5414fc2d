import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IdParam } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { TenantConfigResponse } from './configuration.dto.js';
import { ConfigurationService } from './configuration.service.js';

@ApiTags('Tenants')
@Controller('api/tenants/:tenant_id/config')
export class TenantConfigurationController {
  constructor(private readonly configuration: ConfigurationService) {}

  @Get()
  @Access('config.read')
  @ApiOperation({ summary: 'Read a tenant’s pools, routes and settings' })
  read(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
  ): Promise<TenantConfigResponse> {
    return this.configuration.ofTenant(user, tenantId);
  }
}
