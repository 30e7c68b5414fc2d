import { Body, Controller, Delete, Get, HttpCode, Post, Put, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Environment } from '../../../platform/config/environment.js';
import { IdParam } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { OidcConfigRequest, OidcConfigResponse, OidcTestResponse } from './oidc.dto.js';
import { OidcService } from './oidc.service.js';
import { publicBase } from './public-base.js';

@ApiTags('Single sign-on')
@Controller('api/tenants/:tenant_id/oidc')
export class OidcController {
  constructor(
    private readonly oidc: OidcService,
    private readonly environment: Environment,
  ) {}

  @Get('config')
  @Access('oidc.read')
  @ApiOperation({ summary: 'Read a tenant’s single sign-on settings; the secret is never shown' })
  async get(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Req() request: FastifyRequest,
  ): Promise<OidcConfigResponse> {
    return OidcConfigResponse.from(
      await this.oidc.get(user, tenantId),
      publicBase(this.environment, request),
    );
  }

  @Put('config')
  @Access('oidc.write')
  @ApiOperation({ summary: 'Set a tenant’s single sign-on provider' })
  async put(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Body() body: OidcConfigRequest,
    @Req() request: FastifyRequest,
  ): Promise<OidcConfigResponse> {
    const row = await this.oidc.put(user, tenantId, body);
    return OidcConfigResponse.from(row, publicBase(this.environment, request));
  }

  @Delete('config')
  @HttpCode(204)
  @Access('oidc.write')
  @ApiOperation({ summary: 'Remove a tenant’s single sign-on' })
  async delete(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
  ): Promise<void> {
    await this.oidc.delete(user, tenantId);
  }

  @Post('test')
  @HttpCode(200)
  @Access('oidc.write')
  @ApiOperation({ summary: 'Try the provider: reachable, describes itself, has keys' })
  test(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
  ): Promise<OidcTestResponse> {
    return this.oidc.test(user, tenantId);
  }
}
