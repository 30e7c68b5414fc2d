import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../common/pagination.js';
import { ApiFails, ApiPage, IdParam, ListEnvelope, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { MembersService } from './members.service.js';
import { AddUserRequest, UpdateUserRequest, UserListQuery, UserResponse } from './users.dto.js';

@ApiTags('Tenants: users')
@Controller('api/tenants/:tenant_id/users')
export class TenantUsersController {
  constructor(private readonly members: MembersService) {}

  @Get()
  @Access('users.read')
  @ListEnvelope('users')
  @ApiPage(UserResponse)
  @ApiOperation({ summary: 'List the people of a tenant' })
  list(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Query() query: UserListQuery,
  ): Promise<Page<UserResponse>> {
    const { search, role, status } = query;
    return this.members.list(user, tenantId, pageRequest(query), { search, role, status });
  }

  @Post()
  @Access('users.write')
  @ApiOperation({ summary: 'Add or invite a person' })
  create(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Body() body: AddUserRequest,
  ): Promise<UserResponse> {
    return this.members.create(user, tenantId, body);
  }

  @Put(':user_id')
  @Access('users.write')
  @ApiFails(409)
  @ApiOperation({ summary: 'Change a person’s role, name or state' })
  update(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @IdParam('user', 'user_id') userId: string,
    @Body() body: UpdateUserRequest,
  ): Promise<UserResponse> {
    return this.members.update(user, tenantId, userId, body);
  }

  @Delete(':user_id')
  @HttpCode(204)
  @Access('users.write')
  @ApiFails(409)
  @ApiOperation({ summary: 'Remove a person; their sessions here end' })
  async remove(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @IdParam('user', 'user_id') userId: string,
  ): Promise<void> {
    await this.members.remove(user, tenantId, userId);
  }
}
