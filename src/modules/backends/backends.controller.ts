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
import { LiveBackends } from '../telemetry/index.js';
import {
  BackendListQuery,
  BackendResponse,
  CreateBackendRequest,
  UpdateBackendRequest,
} from './backends.dto.js';
import type { BackendRow } from './backends.read-model.js';
import { BackendsService } from './backends.service.js';

@ApiTags('Backends')
@Controller('api/backends')
export class BackendsController {
  constructor(
    private readonly backends: BackendsService,
    private readonly live: LiveBackends,
  ) {}

  @Get()
  @Access('backends.read')
  @ListEnvelope('backends')
  @ApiPage(BackendResponse)
  @ApiOperation({ summary: 'List backends' })
  async list(
    @CurrentUser() user: Principal,
    @Query() query: BackendListQuery,
  ): Promise<Page<BackendResponse>> {
    const { status, pool, region, admin_state } = query;
    const page = await this.backends.list(
      user.tenantId,
      { pool, region, admin_state },
      pageRequest(query),
      status,
    );
    return page.map((row) => BackendResponse.from(row, this.live.get(row.id)));
  }

  @Post()
  @Access('backends.write')
  @ApiCreates()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Add a backend to a pool' })
  async create(
    @CurrentUser() user: Principal,
    @Body() body: CreateBackendRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BackendResponse> {
    return this.answer(await this.backends.create(user.tenantId, body), reply);
  }

  @Get(':id')
  @Access('backends.read')
  @ApiOperation({ summary: 'Read a backend with its live figures' })
  async get(
    @CurrentUser() user: Principal,
    @IdParam('backend') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BackendResponse> {
    return this.answer(await this.backends.get(user.tenantId, id), reply);
  }

  @Put(':id')
  @Access('backends.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Change a backend, drain it, or move it to another pool' })
  async update(
    @CurrentUser() user: Principal,
    @IdParam('backend') id: string,
    @Body() body: UpdateBackendRequest,
    @IfMatch() ifMatch: number[] | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BackendResponse> {
    return this.answer(await this.backends.update(user.tenantId, id, body, ifMatch), reply);
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('backends.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Remove a backend' })
  async delete(
    @CurrentUser() user: Principal,
    @IdParam('backend') id: string,
    @IfMatch() ifMatch: number[] | null,
  ): Promise<void> {
    await this.backends.delete(user.tenantId, id, ifMatch);
  }

  private answer(row: BackendRow, reply: FastifyReply): BackendResponse {
    sendEtag(reply, row.version);
    return BackendResponse.from(row, this.live.get(row.id));
  }
}
