import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Database } from '../../../platform/database/index.js';
import { ApiFails } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal, viewOf } from '../../../platform/security/index.js';
import { TrafficMetricsResponse } from '../tenant/tenant-monitoring.dto.js';
import { AnalyticsQuery, AnalyticsResponse } from './analytics.dto.js';
import { AnalyticsService } from './analytics.service.js';
import { TrafficWindow } from './traffic-window.js';

@ApiTags('Monitoring: traffic')
@Controller('api')
export class TrafficController {
  constructor(
    private readonly database: Database,
    private readonly window: TrafficWindow,
    private readonly analytics: AnalyticsService,
  ) {}

  @Get('metrics')
  @Access('monitoring.read')
  @ApiOperation({ summary: 'Traffic of your tenant, or of all for a superadmin, in the last minutes' })
  metrics(@CurrentUser() user: Principal): Promise<TrafficMetricsResponse> {
    const tenantId = viewOf(user);
    return tenantId === null
      ? this.database.system((tx) => this.window.measure(tx, null))
      : this.database.tenant(tenantId, (tx) => this.window.measure(tx, tenantId));
  }

  @Get('analytics')
  @Access('monitoring.read')
  @ApiFails(404)
  @ApiOperation({ summary: 'Traffic over time, of your tenant or, for a superadmin, of all' })
  read(@CurrentUser() user: Principal, @Query() query: AnalyticsQuery): Promise<AnalyticsResponse> {
    return this.analytics.read(user, query);
  }
}
