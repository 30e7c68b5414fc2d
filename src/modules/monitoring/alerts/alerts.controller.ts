import { Body, Controller, Get, Headers, HttpCode, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import {
  ApiFails,
  ApiPage,
  Cached,
  IdParam,
  ListEnvelope,
  pageRequest,
} from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal, Public, Unlimited } from '../../../platform/security/index.js';
import { AlertmanagerService } from './alertmanager.service.js';
import {
  AlertListQuery,
  AlertmanagerWebhook,
  AlertResponse,
  TestNotificationRequest,
  TestNotificationResponse,
  WebhookAnswer,
} from './alerts.dto.js';
import { AlertsService } from './alerts.service.js';
import { NotificationTest } from './notification-test.js';

const CACHE_SECONDS = 10;

@ApiTags('Monitoring: alerts')
@Controller()
export class AlertsController {
  constructor(
    private readonly alerts: AlertsService,
    private readonly alertmanager: AlertmanagerService,
    private readonly test: NotificationTest,
  ) {}

  @Get(['api/alerts', 'alerts'])
  @Access('alerts.read')
  @Cached(CACHE_SECONDS)
  @ListEnvelope('alerts')
  @ApiPage(AlertResponse, 'Newest first')
  @ApiOperation({ summary: 'List alerts: your tenant’s, or all for a superadmin' })
  async list(@CurrentUser() user: Principal, @Query() query: AlertListQuery): Promise<Page<AlertResponse>> {
    return (await this.alerts.list(user, filterOf(query), pageRequest(query))).map(AlertResponse.from);
  }

  @Get('api/tenants/:tenant_id/alerts')
  @Access('alerts.read')
  @ListEnvelope('alerts')
  @ApiPage(AlertResponse, 'Newest first')
  @ApiOperation({ summary: 'List a tenant’s alerts' })
  async ofTenant(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Query() query: AlertListQuery,
  ): Promise<Page<AlertResponse>> {
    const page = await this.alerts.ofTenant(user, tenantId, filterOf(query), pageRequest(query));
    return page.map(AlertResponse.from);
  }

  @Get('api/alerts/:id')
  @Access('alerts.read')
  @ApiOperation({ summary: 'Get an alert' })
  async get(@CurrentUser() user: Principal, @IdParam('alert') id: string): Promise<AlertResponse> {
    return AlertResponse.from(await this.alerts.get(user, id));
  }

  @Post('api/alerts/:id/acknowledge')
  @HttpCode(200)
  @Access('alerts.write')
  @ApiOperation({ summary: 'Say that you look after an alert' })
  async acknowledge(@CurrentUser() user: Principal, @IdParam('alert') id: string): Promise<AlertResponse> {
    return AlertResponse.from(await this.alerts.acknowledge(user, id));
  }

  @Post('api/alerts/webhook')
  @HttpCode(200)
  @Public()
  @Unlimited()
  @ApiBearerAuth()
  @ApiBody({ type: AlertmanagerWebhook })
  @ApiFails(401)
  @ApiOperation({
    summary: 'Receiver for Prometheus’ Alertmanager',
    description:
      'Bearer token: ALERT_WEBHOOK_TOKEN. With none configured it is open to this machine only, and closed in production.',
  })
  async webhook(
    @Headers('authorization') authorization: string | undefined,
    @Body() body: unknown,
  ): Promise<WebhookAnswer> {
    this.alertmanager.authorize(authorization);
    return this.alertmanager.receive(body);
  }

  @Post('api/notifications/test')
  @HttpCode(200)
  @Access('system.write')
  @ApiOperation({ summary: 'Send a test notification and tell what became of it' })
  testNotifications(@Body() body: TestNotificationRequest): Promise<TestNotificationResponse> {
    return this.test.run(body.channel);
  }
}

const filterOf = ({ severity, state, component, acknowledged }: AlertListQuery) => ({
  severity,
  state,
  component,
  acknowledged,
});
