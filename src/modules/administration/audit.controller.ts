import { Readable } from 'node:stream';
import { Controller, Get, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../common/pagination.js';
import { ApiPage, ListEnvelope, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { AuditEntryResponse, AuditExportQuery, AuditQuery, filterOf } from './audit.dto.js';
import { AuditService } from './audit.service.js';

@ApiTags('Audit log')
@Controller('api/audit')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @Access('audit.read')
  @ListEnvelope('entries')
  @ApiPage(AuditEntryResponse)
  @ApiOperation({ summary: 'Search the audit log of your tenant, or of the installation for a superadmin' })
  search(@CurrentUser() user: Principal, @Query() query: AuditQuery): Promise<Page<AuditEntryResponse>> {
    return this.audit.search(user, filterOf(query), pageRequest(query));
  }

  @Get('export')
  @Access('audit.read')
  @ApiOkResponse({
    description: 'Every entry that matches, the oldest first; `page` and `limit` do not count',
    content: {
      'application/x-ndjson': { schema: { type: 'string' }, example: '{"action":"pool.created"}' },
      'text/csv': { schema: { type: 'string' }, example: 'timestamp,tenant_id,actor' },
    },
  })
  @ApiOperation({ summary: 'Export the audit log as CSV or JSON lines' })
  export(@CurrentUser() user: Principal, @Query() query: AuditExportQuery): StreamableFile {
    const format = query.format ?? 'ndjson';
    return new StreamableFile(Readable.from(this.audit.export(user, filterOf(query), format)), {
      type: format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8',
      disposition: `attachment; filename="audit.${format}"`,
    });
  }
}
