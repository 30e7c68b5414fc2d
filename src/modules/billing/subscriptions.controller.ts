import { Body, Controller, Delete, Get, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../common/pagination.js';
import { ApiFails, ApiPage, IdParam, ListEnvelope, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import {
  CreateSubscriptionRequest,
  SubscriptionListQuery,
  SubscriptionResponse,
  UpdateSubscriptionRequest,
} from './subscriptions.dto.js';
import { SubscriptionsService } from './subscriptions.service.js';

@ApiTags('Billing: subscriptions')
@Controller('api/billing/subscriptions')
export class SubscriptionsController {
  constructor(private readonly subscriptions: SubscriptionsService) {}

  @Get()
  @Access('billing.read')
  @ListEnvelope('subscriptions')
  @ApiPage(SubscriptionResponse)
  @ApiOperation({ summary: 'List the tenant’s subscriptions, the current one first' })
  async list(
    @CurrentUser() user: Principal,
    @Query() query: SubscriptionListQuery,
  ): Promise<Page<SubscriptionResponse>> {
    const page = await this.subscriptions.list(user.tenantId, pageRequest(query), query.status);
    return page.map((s) => SubscriptionResponse.from(s));
  }

  @Post()
  @Access('billing.write')
  @ApiOperation({ summary: 'Subscribe to a plan' })
  async create(
    @CurrentUser() user: Principal,
    @Body() body: CreateSubscriptionRequest,
  ): Promise<SubscriptionResponse> {
    return SubscriptionResponse.from(await this.subscriptions.create(user, body));
  }

  @Get(':id')
  @Access('billing.read')
  @ApiOperation({ summary: 'Read a subscription' })
  async get(@CurrentUser() user: Principal, @IdParam('sub') id: string): Promise<SubscriptionResponse> {
    return SubscriptionResponse.from(await this.subscriptions.get(user.tenantId, id));
  }

  @Put(':id')
  @Access('billing.write')
  @ApiFails(409)
  @ApiOperation({
    summary: 'Change a subscription’s plan, cycle or payment method, or take a cancellation back',
    description:
      'Up is in effect at once, with the rest of the period prorated; down waits for the end of the period and is refused while the tenant has more than the lower plan allows.',
  })
  async update(
    @CurrentUser() user: Principal,
    @IdParam('sub') id: string,
    @Body() body: UpdateSubscriptionRequest,
  ): Promise<SubscriptionResponse> {
    return SubscriptionResponse.from(await this.subscriptions.update(user.tenantId, id, body));
  }

  @Delete(':id')
  @Access('billing.write')
  @ApiFails(409)
  @ApiOperation({ summary: 'Cancel at the end of the period; the plan stays until then' })
  async cancel(@CurrentUser() user: Principal, @IdParam('sub') id: string): Promise<SubscriptionResponse> {
    return SubscriptionResponse.from(await this.subscriptions.cancel(user.tenantId, id));
  }
}
