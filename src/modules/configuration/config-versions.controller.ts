import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../common/pagination.js';
import {
  ApiIntegerParam,
  ApiPage,
  AppliesConfiguration,
  IntegerParam,
  ListEnvelope,
  PageQuery,
  pageRequest,
} from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import {
  ConfigVersion,
  ConfigVersionDetail,
  DiffQuery,
  DiffResponse,
  ImportResponse,
} from './configuration.dto.js';
import { ConfigurationService } from './configuration.service.js';

@ApiTags('Configuration')
@Controller('api/config/versions')
export class ConfigVersionsController {
  constructor(private readonly configuration: ConfigurationService) {}

  @Get()
  @Access('config.read')
  @ListEnvelope('versions')
  @ApiPage(ConfigVersion)
  @ApiOperation({ summary: 'List the versions of your tenant’s configuration, the newest first' })
  list(@CurrentUser() user: Principal, @Query() query: PageQuery): Promise<Page<ConfigVersion>> {
    return this.configuration.listVersions(user.tenantId, pageRequest(query));
  }

  @Get(':version')
  @ApiIntegerParam('version')
  @Access('config.read')
  @ApiOperation({ summary: 'Read the configuration as it was at a version' })
  get(
    @CurrentUser() user: Principal,
    @IntegerParam('version') version: number,
  ): Promise<ConfigVersionDetail> {
    return this.configuration.version(user.tenantId, version);
  }

  @Get(':version/diff')
  @ApiIntegerParam('version')
  @Access('config.read')
  @ApiOperation({ summary: 'What changed from another version to this one' })
  diff(
    @CurrentUser() user: Principal,
    @IntegerParam('version') version: number,
    @Query() query: DiffQuery,
  ): Promise<DiffResponse> {
    return this.configuration.diff(user.tenantId, version, query.against);
  }

  @Post(':version/restore')
  @ApiIntegerParam('version')
  @HttpCode(200)
  @Access('config.write')
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Bring the configuration back to what it was at a version, as a new version' })
  restore(@CurrentUser() user: Principal, @IntegerParam('version') version: number): Promise<ImportResponse> {
    return this.configuration.restore(user.tenantId, version);
  }
}
