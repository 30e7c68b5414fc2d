import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import { ApiPage, ListEnvelope, pageRequest, timeRange } from '../../../platform/http/index.js';
import { Access } from '../../../platform/security/index.js';
import { DEFAULT_LOG_LINES, LogLinesQuery } from './log-lines.query.dto.js';
import { LogLineResponse } from './logs.dto.js';
import { ProgramLogService } from './program-log.service.js';

@ApiTags('Monitoring: logs')
@Controller(['api/logs', 'logs', 'api/admin/logs'])
export class LogsController {
  constructor(private readonly log: ProgramLogService) {}

  @Get()
  @Access('logs.read')
  @ListEnvelope('logs')
  @ApiPage(LogLineResponse, 'Newest first. X-Total-Count counts up to 10,000')
  @ApiOperation({ summary: 'Search the program’s own log of the last seven days' })
  async list(@Query() query: LogLinesQuery): Promise<Page<LogLineResponse>> {
    const { level, component, q } = query;
    const filter = { level, component, q, ...timeRange(query) };
    return (await this.log.search(filter, pageRequest(query, DEFAULT_LOG_LINES))).map(LogLineResponse.from);
  }
}
