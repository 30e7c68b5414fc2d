import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../common/pagination.js';
import { ApiPage, ListEnvelope, PageQuery, pageRequest } from '../../platform/http/index.js';
import { Access } from '../../platform/security/index.js';
import { ReconciliationResponse } from './reconciliation.dto.js';
import { ReconciliationService } from './reconciliation.service.js';

@ApiTags('Billing: reconciliation')
@Controller('api/billing/reconciliations')
export class ReconciliationController {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Get()
  @Access('billing.operate')
  @ListEnvelope('reconciliations')
  @ApiPage(ReconciliationResponse)
  @ApiOperation({ summary: 'Reports of the nightly comparison, newest first' })
  async list(@Query() query: PageQuery): Promise<Page<ReconciliationResponse>> {
    const page = await this.reconciliation.list(pageRequest(query));
    return page.map((run) => ReconciliationResponse.from(run));
  }

  @Post()
  @HttpCode(200)
  @Access('billing.operate')
  @ApiOperation({ summary: 'Compare now' })
  async run(): Promise<ReconciliationResponse> {
    return ReconciliationResponse.from(await this.reconciliation.run());
  }
}
