import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import { ApiPage, IdParam, ListEnvelope, pageRequest, timeRange } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { DEFAULT_LOG_LINES, LogLinesQuery } from '../logs/log-lines.query.dto.js';
import {
  TenantLogEntry,
  TenantMetricsResponse,
  TenantStatusResponse,
  TenantUsageResponse,
} from './tenant-monitoring.dto.js';
import { TenantMonitoringService } from './tenant-monitoring.service.js';

@ApiTags('Tenants: monitoring')
@Controller('api/tenants/:tenant_id')
export class TenantMonitoringController {
  constructor(private readonly monitoring: TenantMonitoringService) {}

  @Get('metrics')
  @Access('monitoring.read')
  @ApiOperation({ summary: 'What a tenant’s traffic looks like now and over the last day' })
  metrics(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
  ): Promise<TenantMetricsResponse> {
    return this.monitoring.metrics(user, tenantId);
  }

  @Get('logs')
  @Access('monitoring.read')
  @ListEnvelope('logs')
  @ApiPage(TenantLogEntry, 'Newest first. X-Total-Count counts up to 10,000 of each source')
  @ApiOperation({ summary: 'A tenant’s audit log and access log in one list' })
  logs(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Query() query: LogLinesQuery,
  ): Promise<Page<TenantLogEntry>> {
    const filter = { level: query.level, component: query.component, q: query.q, ...timeRange(query) };
    return this.monitoring.logs(user, tenantId, filter, pageRequest(query, DEFAULT_LOG_LINES));
  }

  @Get('usage')
  @Access('monitoring.read')
  @ApiOperation({ summary: 'What a tenant used in the current calendar month, with its limits' })
  usage(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
  ): Promise<TenantUsageResponse> {
    return this.monitoring.usage(user, tenantId);
  }

  @Get('status')
  @Access('monitoring.read')
  @ApiOperation({ summary: 'State of a tenant and of what it runs' })
  status(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
  ): Promise<TenantStatusResponse> {
    return this.monitoring.status(user, tenantId);
  }
}
