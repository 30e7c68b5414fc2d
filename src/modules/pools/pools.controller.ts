import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Page } from '../../common/pagination.js';
import {
  ApiCreates,
  ApiIfMatch,
  ApiPage,
  AppliesConfiguration,
  IfMatch,
  ListEnvelope,
  pageRequest,
  sendEtag,
} from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { LiveBackends } from '../telemetry/index.js';
import { CreatePoolRequest, PoolListQuery, PoolResponse, UpdatePoolRequest } from './pools.dto.js';
import type { PoolWithBackends } from './pools.read-model.js';
import { PoolsService } from './pools.service.js';

@ApiTags('Pools')
@Controller('api/pools')
export class PoolsController {
  constructor(
    private readonly pools: PoolsService,
    private readonly live: LiveBackends,
  ) {}

  @Get()
  @Access('pools.read')
  @ListEnvelope('pools')
  @ApiPage(PoolResponse)
  @ApiOperation({ summary: 'List pools' })
  async list(@CurrentUser() user: Principal, @Query() query: PoolListQuery): Promise<Page<PoolResponse>> {
    const filter = { algorithm: query.algorithm, namePrefix: query.name };
    const page = await this.pools.list(user.tenantId, filter, pageRequest(query));
    return page.map((pool) => PoolResponse.from(pool, this.live));
  }

  @Post()
  @Access('pools.write')
  @ApiCreates()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Create a pool' })
  async create(
    @CurrentUser() user: Principal,
    @Body() body: CreatePoolRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PoolResponse> {
    return this.answer(await this.pools.create(user.tenantId, body), reply);
  }

  @Get(':name')
  @Access('pools.read')
  @ApiOperation({ summary: 'Read a pool with its backends' })
  async get(
    @CurrentUser() user: Principal,
    @Param('name') name: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PoolResponse> {
    return this.answer(await this.pools.get(user.tenantId, name), reply);
  }

  @Put(':name')
  @Access('pools.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Change a pool' })
  async update(
    @CurrentUser() user: Principal,
    @Param('name') name: string,
    @Body() body: UpdatePoolRequest,
    @IfMatch() ifMatch: number[] | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PoolResponse> {
    return this.answer(await this.pools.update(user.tenantId, name, body, ifMatch), reply);
  }

  @Delete(':name')
  @HttpCode(204)
  @Access('pools.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Delete a pool that has no backends and no routes' })
  async delete(
    @CurrentUser() user: Principal,
    @Param('name') name: string,
    @IfMatch() ifMatch: number[] | null,
  ): Promise<void> {
    await this.pools.delete(user.tenantId, name, ifMatch);
  }

  private answer(pool: PoolWithBackends, reply: FastifyReply): PoolResponse {
    sendEtag(reply, pool.pool.version);
    return PoolResponse.from(pool, this.live);
  }
}
