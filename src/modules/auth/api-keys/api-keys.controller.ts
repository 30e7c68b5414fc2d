import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import { ApiPage, IdParam, ListEnvelope, PageQuery, pageRequest } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { ApiKeyResponse, CreateApiKeyRequest, CreateApiKeyResponse } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('API keys')
@Controller('api/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @Access('apikeys.read')
  @ListEnvelope('api_keys')
  @ApiPage(ApiKeyResponse)
  @ApiOperation({ summary: 'List the API keys of your tenant' })
  async list(@CurrentUser() user: Principal, @Query() query: PageQuery): Promise<Page<ApiKeyResponse>> {
    return (await this.keys.list(user.tenantId, pageRequest(query))).map(ApiKeyResponse.from);
  }

  @Post()
  @Access('apikeys.write')
  @ApiOperation({ summary: 'Make an API key; it is shown in this answer only. A tenant has at most 100' })
  async create(
    @CurrentUser() user: Principal,
    @Body() body: CreateApiKeyRequest,
  ): Promise<CreateApiKeyResponse> {
    const { row, key } = await this.keys.create(user, body);
    return { ...ApiKeyResponse.from(row), key };
  }

  @Get(':id')
  @Access('apikeys.read')
  @ApiOperation({ summary: 'Read an API key, without the key itself' })
  async get(@CurrentUser() user: Principal, @IdParam('apikey') id: string): Promise<ApiKeyResponse> {
    return ApiKeyResponse.from(await this.keys.get(user.tenantId, id));
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('apikeys.write')
  @ApiOperation({ summary: 'Delete an API key; it ends at once' })
  async delete(@CurrentUser() user: Principal, @IdParam('apikey') id: string): Promise<void> {
    await this.keys.delete(user, id);
  }
}
