import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../common/pagination.js';
import { ApiFails, ApiPage, IdParam, ListEnvelope, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { CreateTenantRequest, TenantListQuery, TenantResponse, UpdateTenantRequest } from './tenants.dto.js';
import { TenantsService } from './tenants.service.js';

@ApiTags('Tenants')
@Controller('api/tenants')
export class TenantsController {
  constructor(private readonly tenants: TenantsService) {}

  @Get()
  @Access('tenants.list')
  @ListEnvelope('tenants')
  @ApiPage(TenantResponse)
  @ApiOperation({ summary: 'List tenants: your own, or all for a superadmin' })
  list(@CurrentUser() user: Principal, @Query() query: TenantListQuery): Promise<Page<TenantResponse>> {
    return this.tenants.list(user, pageRequest(query), query.search);
  }

  @Post()
  @Access('tenants.create')
  @ApiOperation({ summary: 'Create a tenant' })
  create(@CurrentUser() user: Principal, @Body() body: CreateTenantRequest): Promise<TenantResponse> {
    return this.tenants.create(user, body);
  }

  @Get(':id')
  @Access('tenants.read')
  @ApiOperation({ summary: 'Read a tenant' })
  get(@CurrentUser() user: Principal, @IdParam('tenant') id: string): Promise<TenantResponse> {
    return this.tenants.get(user, id);
  }

  @Put(':id')
  @Access('tenants.update')
  @ApiFails(409)
  @ApiOperation({ summary: 'Change a tenant' })
  update(
    @CurrentUser() user: Principal,
    @IdParam('tenant') id: string,
    @Body() body: UpdateTenantRequest,
  ): Promise<TenantResponse> {
    return this.tenants.update(user, id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('tenants.delete')
  @ApiOperation({ summary: 'Delete a tenant with everything it owns' })
  async delete(@CurrentUser() user: Principal, @IdParam('tenant') id: string): Promise<void> {
    await this.tenants.delete(user, id);
  }
}
