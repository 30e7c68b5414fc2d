import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AppliesConfiguration } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import {
  BulkBackendsRequest,
  BulkBackendsResponse,
  BulkPoolsRequest,
  BulkPoolsResponse,
  BulkQuery,
  BulkRoutesRequest,
  BulkRoutesResponse,
} from './bulk.dto.js';
import { BulkService } from './bulk.service.js';
import { DOCUMENT_LIMITS } from './limits.js';

@ApiTags('Configuration')
@Controller('api/bulk')
export class BulkController {
  constructor(private readonly bulk: BulkService) {}

  @Post('pools')
  @HttpCode(200)
  @Access('pools.write')
  @RouteConfig(DOCUMENT_LIMITS)
  @AppliesConfiguration('own query')
  @ApiBody({ type: BulkPoolsRequest })
  @ApiOperation({ summary: 'Create many pools as one change, with a result an item' })
  pools(
    @CurrentUser() user: Principal,
    @Query() query: BulkQuery,
    @Body() body: object,
  ): Promise<BulkPoolsResponse> {
    return this.bulk.createPools(user.tenantId, body, query.atomic ?? false);
  }

  @Post('backends')
  @HttpCode(200)
  @Access('backends.write')
  @RouteConfig(DOCUMENT_LIMITS)
  @AppliesConfiguration('own query')
  @ApiBody({ type: BulkBackendsRequest })
  @ApiOperation({ summary: 'Create many backends as one change, with a result an item' })
  backends(
    @CurrentUser() user: Principal,
    @Query() query: BulkQuery,
    @Body() body: object,
  ): Promise<BulkBackendsResponse> {
    return this.bulk.createBackends(user.tenantId, body, query.atomic ?? false);
  }

  @Post('routes')
  @HttpCode(200)
  @Access('routes.write')
  @RouteConfig(DOCUMENT_LIMITS)
  @AppliesConfiguration('own query')
  @ApiBody({ type: BulkRoutesRequest })
  @ApiOperation({ summary: 'Create many routes as one change, with a result an item' })
  routes(
    @CurrentUser() user: Principal,
    @Query() query: BulkQuery,
    @Body() body: object,
  ): Promise<BulkRoutesResponse> {
    return this.bulk.createRoutes(user.tenantId, body, query.atomic ?? false);
  }
}
