import { Body, Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import {
  ApiBody,
  ApiConsumes,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { stringify } from 'yaml';
import { AppliesConfiguration } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { DataPlaneService } from '../dataplane/index.js';
import {
  ConfigQuery,
  ConfigResponse,
  ExportQuery,
  ImportQuery,
  ImportResponse,
  ReloadResponse,
  ValidateResponse,
} from './configuration.dto.js';
import { ConfigurationService } from './configuration.service.js';
import { ConfigDocument, ConfigImport } from './document.dto.js';
import { canonical } from './document.js';
import { DOCUMENT_LIMITS } from './limits.js';

@ApiTags('Configuration')
@Controller('api')
export class ConfigurationController {
  constructor(
    private readonly configuration: ConfigurationService,
    private readonly dataPlane: DataPlaneService,
  ) {}

  @Get('config')
  @Access('config.read')
  @ApiOperation({ summary: 'Read the configuration of your tenant, or of the installation' })
  read(@CurrentUser() user: Principal, @Query() query: ConfigQuery): Promise<ConfigResponse> {
    return this.configuration.overview(user, query.scope);
  }

  @Post('config/validate')
  @HttpCode(200)
  @Access('config.write')
  @RouteConfig(DOCUMENT_LIMITS)
  @ApiConsumes('application/json', 'application/yaml')
  @ApiBody({ type: ConfigImport })
  @ApiOperation({ summary: 'Find every error of a configuration document; nothing is applied' })
  validate(@CurrentUser() user: Principal, @Body() body: object): Promise<ValidateResponse> {
    return this.configuration.validate(user.tenantId, body);
  }

  @Get('config/export')
  @Access('config.read')
  @ApiOkResponse({
    description: 'Equal configurations give equal bytes',
    content: {
      'application/json': { schema: { $ref: getSchemaPath(ConfigDocument) } },
      'application/yaml': {
        schema: { type: 'string' },
        example: 'format: veloflux-config/1\npools: []\nroutes: []\n',
      },
    },
  })
  @ApiExtraModels(ConfigDocument)
  @ApiOperation({ summary: 'Export the configuration of your tenant, without ids and secrets' })
  async export(
    @CurrentUser() user: Principal,
    @Query() query: ExportQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const text = canonical(await this.configuration.document(user.tenantId), 2);
    const yaml = query.format === 'yaml';
    reply.type(yaml ? 'application/yaml; charset=utf-8' : 'application/json; charset=utf-8');
    reply.header('content-disposition', `attachment; filename="veloflux-config.${yaml ? 'yaml' : 'json'}"`);
    return yaml ? stringify(JSON.parse(text)) : `${text}\n`;
  }

  @Post('config/import')
  @HttpCode(200)
  @Access('config.write')
  @RouteConfig(DOCUMENT_LIMITS)
  @AppliesConfiguration('own query')
  @ApiConsumes('application/json', 'application/yaml')
  @ApiBody({ type: ConfigImport })
  @ApiOperation({ summary: 'Bring the configuration to what a document says: all of it or nothing' })
  import(
    @CurrentUser() user: Principal,
    @Query() query: ImportQuery,
    @Body() body: object,
  ): Promise<ImportResponse> {
    const options = { mode: query.mode ?? ('replace' as const), dryRun: query.dry_run ?? false };
    return this.configuration.import(user.tenantId, body, options);
  }

  @Post('reload')
  @HttpCode(200)
  @Access('system.write')
  @ApiOperation({ summary: 'Make every node read the whole configuration again and apply it' })
  async reload(): Promise<ReloadResponse> {
    return { status: 'reloaded', ...(await this.dataPlane.reload()) };
  }
}
