import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Page } from '../../common/pagination.js';
import {
  ApiCreates,
  ApiIfMatch,
  ApiPage,
  AppliesConfiguration,
  IdParam,
  IfMatch,
  ListEnvelope,
  pageRequest,
  sendEtag,
} from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { CreateRouteRequest, RouteListQuery, RouteResponse, UpdateRouteRequest } from './routes.dto.js';
import type { RouteRow } from './routes.read-model.js';
import { RoutesService } from './routes.service.js';

@ApiTags('Routes')
@Controller('api/routes')
export class RoutesController {
  constructor(private readonly routes: RoutesService) {}

  @Get()
  @Access('routes.read')
  @ListEnvelope('routes')
  @ApiPage(RouteResponse)
  @ApiOperation({ summary: 'List routes' })
  async list(@CurrentUser() user: Principal, @Query() query: RouteListQuery): Promise<Page<RouteResponse>> {
    const { host, pool } = query;
    const page = await this.routes.list(user.tenantId, { host, pool }, pageRequest(query));
    return page.map(RouteResponse.from);
  }

  @Post()
  @Access('routes.write')
  @ApiCreates()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Create a route' })
  async create(
    @CurrentUser() user: Principal,
    @Body() body: CreateRouteRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RouteResponse> {
    return answer(await this.routes.create(user.tenantId, body), reply);
  }

  @Get(':id')
  @Access('routes.read')
  @ApiOperation({ summary: 'Read a route' })
  async get(
    @CurrentUser() user: Principal,
    @IdParam('route') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RouteResponse> {
    return answer(await this.routes.get(user.tenantId, id), reply);
  }

  @Put(':id')
  @Access('routes.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Change a route' })
  async update(
    @CurrentUser() user: Principal,
    @IdParam('route') id: string,
    @Body() body: UpdateRouteRequest,
    @IfMatch() ifMatch: number[] | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RouteResponse> {
    return answer(await this.routes.update(user.tenantId, id, body, ifMatch), reply);
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('routes.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Delete a route' })
  async delete(
    @CurrentUser() user: Principal,
    @IdParam('route') id: string,
    @IfMatch() ifMatch: number[] | null,
  ): Promise<void> {
    await this.routes.delete(user.tenantId, id, ifMatch);
  }
}

function answer(row: RouteRow, reply: FastifyReply): RouteResponse {
  sendEtag(reply, row.version);
  return RouteResponse.from(row);
}
