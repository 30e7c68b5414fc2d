import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import { Readable } from 'node:stream';
import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import {
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid } from '../../common/errors.js';
import type { Page } from '../../common/pagination.js';
import {
  ActsOnGet,
  ApiFails,
  ApiPage,
  fieldErrors,
  ListEnvelope,
  PageQuery,
  pageRequest,
} from '../../platform/http/index.js';
import { Access } from '../../platform/security/index.js';
import { fileName } from './backup-stores.js';
import {
  BackupResponse,
  CreateBackupResponse,
  RestoreRequest,
  RestoreResponse,
  UploadQuery,
} from './backups.dto.js';
import { BackupsService } from './backups.service.js';
import { type Restored, RestoreService } from './restore.service.js';

@ApiTags('Backups')
@ApiExtraModels(RestoreRequest)
@Controller('api/backup')
export class BackupsController {
  constructor(
    private readonly backups: BackupsService,
    private readonly restores: RestoreService,
  ) {}

  @Get()
  @Access('backup.read')
  @ListEnvelope('backups')
  @ApiPage(BackupResponse)
  @ApiOperation({ summary: 'List backups, the newest first' })
  async list(@Query() query: PageQuery): Promise<Page<BackupResponse>> {
    return (await this.backups.list(pageRequest(query))).map(BackupResponse.from);
  }

  @Get('create')
  @ActsOnGet()
  @Access('backup.write')
  @ApiOperation({ summary: 'Make a backup of the whole installation now' })
  async create(): Promise<CreateBackupResponse> {
    return { status: 'backup created', ...BackupResponse.from(await this.backups.create()) };
  }

  @Post('create')
  @HttpCode(200)
  @Access('backup.write')
  @ApiOperation({ summary: 'Make a backup of the whole installation now (POST form)' })
  createPost(): Promise<CreateBackupResponse> {
    return this.create();
  }

  @Get(':id/download')
  @Access('backup.read')
  @ApiProduces('application/gzip')
  @ApiOkResponse({
    description: 'The file, gzip of JSON lines',
    content: { 'application/gzip': { schema: { type: 'string', format: 'binary' }, example: '(gzip)' } },
  })
  @ApiFails(409)
  @ApiOperation({ summary: 'Download a backup, checked' })
  async download(
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    return this.backups.withFile(id, async (file, backup) => {
      // opened before the file's name goes; the bytes stay until the stream ends
      const handle = await fs.open(file);
      reply.header('content-digest', `sha-256=:${Buffer.from(backup.checksum, 'hex').toString('base64')}:`);
      return new StreamableFile(createReadStream('', { fd: handle }), {
        type: 'application/gzip',
        length: backup.size,
        disposition: `attachment; filename="${fileName(id)}"`,
      });
    });
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('backup.write')
  @ApiFails(409)
  @ApiOperation({ summary: 'Delete a backup' })
  async delete(@Param('id') id: string): Promise<void> {
    await this.backups.delete(id);
  }

  @Post('restore')
  @HttpCode(200)
  @Access('backup.write')
  @RouteConfig({ uploads: true })
  @ApiFails(404)
  @ApiOperation({
    summary: 'Restore the installation or one tenant, all or nothing',
    description:
      'By id, or from a downloaded file sent as `application/gzip`. What exists and is not in the backup is removed; the audit log, the configuration history, usage and bills only grow, and a tenant that exists stays on its plan.',
    requestBody: {
      content: {
        'application/json': { schema: { $ref: getSchemaPath(RestoreRequest) } },
        'application/gzip': { schema: { type: 'string', format: 'binary' }, example: '(gzip)' },
      },
    },
  })
  async restore(@Req() request: FastifyRequest, @Query() query: UploadQuery): Promise<RestoreResponse> {
    const { body } = request;
    if (body instanceof Readable)
      return respond(await this.restores.restoreUpload(body, query.tenant_id ?? null));
    const { backup_id, tenant_id } = await restoreRequest(body);
    return respond(await this.restores.restore(backup_id, tenant_id ?? query.tenant_id ?? null));
  }
}

/** Checked here as the body may be a file. */
async function restoreRequest(body: unknown): Promise<RestoreRequest> {
  const request = plainToInstance(RestoreRequest, body ?? {});
  const errors = await validate(request, {
    whitelist: true,
    forbidNonWhitelisted: true,
    stopAtFirstError: true,
  });
  if (errors.length) throw invalid(fieldErrors(errors));
  return request;
}

const respond = ({ backupId, tenantId, rows }: Restored): RestoreResponse => ({
  status: 'backup restored',
  backup_id: backupId,
  tenant_id: tenantId,
  rows,
});
