import { Body, Controller, Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Page } from '../../common/pagination.js';
import { Environment } from '../../platform/config/environment.js';
import { ApiPage, IdParam, ListEnvelope, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import {
  HistoryQuery,
  HistoryResponse,
  PlanResponse,
  PortalResponse,
  TenantBillingResponse,
  UsageResponse,
} from './billing.dto.js';
import { BillingService } from './billing.service.js';
import { SubscriptionResponse, UpgradeRequest } from './subscriptions.dto.js';
import { SubscriptionsService } from './subscriptions.service.js';

@ApiTags('Billing')
@Controller('api/billing')
export class BillingController {
  constructor(
    private readonly billing: BillingService,
    private readonly subscriptions: SubscriptionsService,
    private readonly environment: Environment,
  ) {}

  @Get('plans')
  @Access('billing.read')
  @ApiOperation({ summary: 'The plans on sale, from least to most' })
  async plans(): Promise<PlanResponse[]> {
    return (await this.billing.plansOnSale()).map((p) => PlanResponse.from(p));
  }

  @Get('usage')
  @Access('billing.read')
  @ApiOperation({ summary: 'Metered usage of the current period, and what it costs so far' })
  usage(@CurrentUser() user: Principal): Promise<UsageResponse> {
    return this.billing.usageOf(user.tenantId);
  }

  @Get('history')
  @Access('billing.read')
  @ListEnvelope('history')
  @ApiPage(HistoryResponse)
  @ApiOperation({ summary: 'What happened to subscriptions and invoices, newest first' })
  history(@CurrentUser() user: Principal, @Query() query: HistoryQuery): Promise<Page<HistoryResponse>> {
    return this.billing.historyOf(user.tenantId, pageRequest(query), query.type);
  }

  @Post('upgrade')
  @HttpCode(200)
  @Access('billing.write')
  @ApiOperation({ summary: 'Move to a higher plan at once, or subscribe to a first one' })
  async upgrade(@CurrentUser() user: Principal, @Body() body: UpgradeRequest): Promise<SubscriptionResponse> {
    return SubscriptionResponse.from(await this.subscriptions.upgrade(user, body));
  }

  @Post('portal')
  @HttpCode(200)
  @Access('billing.write')
  @ApiOperation({ summary: 'Open Stripe’s customer portal (cards, invoices); not with the built-in billing' })
  async portal(@CurrentUser() user: Principal, @Req() request: FastifyRequest): Promise<PortalResponse> {
    const base = this.environment.PUBLIC_URL ?? `${request.protocol}://${request.host}`;
    return { url: await this.subscriptions.portal(user.tenantId, base) };
  }
}

@ApiTags('Billing')
@Controller('api/tenants/:tenant_id/billing')
export class TenantBillingController {
  constructor(private readonly billing: BillingService) {}

  @Get()
  @Access('billing.read')
  @ApiOperation({ summary: 'A tenant’s plan, subscription, usage and newest invoices' })
  read(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
  ): Promise<TenantBillingResponse> {
    return this.billing.overview(user, tenantId);
  }
}
