import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { durationMs } from '../../common/durations.js';
import type { Page } from '../../common/pagination.js';
import { ApiPage, IdParam, ListEnvelope, PageQuery, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import {
  CreateWebhookEndpointRequest,
  RotateSecretQuery,
  UpdateWebhookEndpointRequest,
  WebhookDeliveryResponse,
  WebhookEndpointResponse,
  WebhookEndpointWithSecret,
} from './webhooks.dto.js';
import { WebhookEndpointsService } from './webhooks.service.js';

@ApiTags('Webhooks')
@Controller('api/webhooks')
export class WebhookEndpointsController {
  constructor(private readonly webhooks: WebhookEndpointsService) {}

  @Get()
  @Access('webhooks.read')
  @ListEnvelope('webhooks')
  @ApiPage(WebhookEndpointResponse)
  @ApiOperation({ summary: 'List the webhooks of your tenant' })
  async list(
    @CurrentUser() user: Principal,
    @Query() query: PageQuery,
  ): Promise<Page<WebhookEndpointResponse>> {
    return (await this.webhooks.list(user.tenantId, pageRequest(query))).map(WebhookEndpointResponse.from);
  }

  @Post()
  @Access('webhooks.write')
  @ApiOperation({
    summary:
      'Subscribe an address to events; the signing secret is in this answer only. A tenant has at most 20 webhooks',
  })
  async create(
    @CurrentUser() user: Principal,
    @Body() body: CreateWebhookEndpointRequest,
  ): Promise<WebhookEndpointWithSecret> {
    const { row, secret } = await this.webhooks.create(user.tenantId, body);
    return { ...WebhookEndpointResponse.from(row), secret };
  }

  @Get(':id')
  @Access('webhooks.read')
  @ApiOperation({ summary: 'Read a webhook' })
  async get(
    @CurrentUser() user: Principal,
    @IdParam('webhook') id: string,
  ): Promise<WebhookEndpointResponse> {
    return WebhookEndpointResponse.from(await this.webhooks.get(user.tenantId, id));
  }

  @Put(':id')
  @Access('webhooks.write')
  @ApiOperation({ summary: 'Change a webhook' })
  async update(
    @CurrentUser() user: Principal,
    @IdParam('webhook') id: string,
    @Body() body: UpdateWebhookEndpointRequest,
  ): Promise<WebhookEndpointResponse> {
    return WebhookEndpointResponse.from(await this.webhooks.update(user.tenantId, id, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('webhooks.write')
  @ApiOperation({ summary: 'Delete a webhook with its delivery log' })
  async delete(@CurrentUser() user: Principal, @IdParam('webhook') id: string): Promise<void> {
    await this.webhooks.delete(user.tenantId, id);
  }

  @Post(':id/rotate-secret')
  @HttpCode(200)
  @Access('webhooks.write')
  @ApiOperation({
    summary: 'Make a new signing secret; for a while messages carry a signature of the old one, too',
  })
  async rotate(
    @CurrentUser() user: Principal,
    @IdParam('webhook') id: string,
    @Query() query: RotateSecretQuery,
  ): Promise<WebhookEndpointWithSecret> {
    const overlapMs = durationMs(query.overlap ?? '24h');
    const { row, secret } = await this.webhooks.rotateSecret(user.tenantId, id, overlapMs);
    return { ...WebhookEndpointResponse.from(row), secret };
  }

  @Post(':id/ping')
  @HttpCode(202)
  @Access('webhooks.write')
  @ApiOperation({ summary: 'Send a test message; the delivery log tells what came of it' })
  async ping(
    @CurrentUser() user: Principal,
    @IdParam('webhook') id: string,
  ): Promise<WebhookDeliveryResponse> {
    return WebhookDeliveryResponse.from(await this.webhooks.ping(user.tenantId, id));
  }

  @Get(':id/deliveries')
  @Access('webhooks.read')
  @ListEnvelope('deliveries')
  @ApiPage(WebhookDeliveryResponse)
  @ApiOperation({ summary: 'The delivery log of a webhook, the newest first, for 30 days' })
  async deliveries(
    @CurrentUser() user: Principal,
    @IdParam('webhook') id: string,
    @Query() query: PageQuery,
  ): Promise<Page<WebhookDeliveryResponse>> {
    const page = await this.webhooks.deliveries(user.tenantId, id, pageRequest(query));
    return page.map(WebhookDeliveryResponse.from);
  }

  @Post(':id/deliveries/:delivery_id/replay')
  @HttpCode(202)
  @Access('webhooks.write')
  @ApiOperation({ summary: 'Send a message once more, as it was' })
  async replay(
    @CurrentUser() user: Principal,
    @IdParam('webhook') id: string,
    @IdParam('delivery', 'delivery_id') deliveryId: string,
  ): Promise<WebhookDeliveryResponse> {
    return WebhookDeliveryResponse.from(await this.webhooks.replay(user.tenantId, id, deliveryId));
  }
}
