import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import { ApiPage, IdParam, ListEnvelope, pageRequest } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { AnomaliesQuery, AnomalyResponse } from './anomalies.dto.js';
import { AnomaliesService } from './anomalies.service.js';

@ApiTags('AI: anomalies')
@Controller('api/ai/anomalies')
export class AnomaliesController {
  constructor(private readonly anomalies: AnomaliesService) {}

  @Get()
  @Access('ai.read')
  @ListEnvelope('anomalies')
  @ApiPage(AnomalyResponse, 'Newest first')
  @ApiOperation({
    summary: 'List what was odd in your pools’ traffic; for superadmins also on the machines',
  })
  async list(@CurrentUser() user: Principal, @Query() query: AnomaliesQuery): Promise<Page<AnomalyResponse>> {
    const page = await this.anomalies.list(user, AnomaliesQuery.filterOf(query), pageRequest(query));
    return page.map(AnomalyResponse.from);
  }

  @Get(':id')
  @Access('ai.read')
  @ApiOperation({ summary: 'Read an anomaly with the series around it' })
  async get(@CurrentUser() user: Principal, @IdParam('anomaly') id: string): Promise<AnomalyResponse> {
    return AnomalyResponse.from(await this.anomalies.get(user, id));
  }
}
