import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../common/pagination.js';
import { ApiFails, ApiPage, ListEnvelope, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import {
  AdminStatsResponse,
  AdminUserQuery,
  AdminUserResponse,
  CreateAdminUserRequest,
} from './admin.dto.js';
import { AdminService } from './admin.service.js';

@ApiTags('Administration')
@Controller('api/admin')
export class AdminController {
  constructor(private readonly admin: AdminService) {}

  @Get('stats')
  @Access('admin.read')
  @ApiOperation({ summary: 'How much there is of everything in the installation' })
  stats(): Promise<AdminStatsResponse> {
    return this.admin.stats();
  }

  @Get('users')
  @Access('admin.read')
  @ListEnvelope('users')
  @ApiPage(AdminUserResponse)
  @ApiOperation({ summary: 'List the people of all tenants' })
  users(@Query() query: AdminUserQuery): Promise<Page<AdminUserResponse>> {
    return this.admin.users(pageRequest(query), query.search);
  }

  @Post('users')
  @Access('admin.write')
  @ApiFails(404)
  @ApiOperation({ summary: 'Add a superadmin, or a person to any tenant' })
  create(@CurrentUser() user: Principal, @Body() body: CreateAdminUserRequest): Promise<AdminUserResponse> {
    return this.admin.createUser(user, body);
  }
}
