import { Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Page } from '../../../common/pagination.js';
import { ApiPage, ListEnvelope, pageRequest } from '../../../platform/http/index.js';
import { Access, Public, Unlimited } from '../../../platform/security/index.js';
import { WebhookEventQuery, WebhookEventResponse, WebhookResponse } from './webhooks.dto.js';
import { WebhooksService } from './webhooks.service.js';

/** An invoice with many lines is larger than an ordinary request may be. */
const MAX_BYTES = 1024 * 1024;

@ApiTags('Billing: webhooks')
@Controller('api/billing/webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: WebhooksService) {}

  @Post()
  @HttpCode(200)
  @Public()
  @Unlimited()
  @RouteConfig({ rawBody: true, maxBytes: MAX_BYTES })
  @ApiHeader({
    name: 'Stripe-Signature',
    required: true,
    description: 'Stripe’s signature over the raw body',
  })
  @ApiBody({ schema: { type: 'object', additionalProperties: true }, description: 'A Stripe event' })
  @ApiOperation({
    summary: 'Stripe delivers events here',
    description:
      'Needs no token: the signature is checked with STRIPE_WEBHOOK_SECRET. The event is stored before the answer and handled right after it.',
  })
  async receive(@Req() request: FastifyRequest): Promise<WebhookResponse> {
    const header = request.headers['stripe-signature'];
    const signature = Array.isArray(header) ? header.join(',') : header;
    const taken = await this.webhooks.receive(request.rawBody, signature);
    return { webhook: 'processed', ...taken };
  }

  @Get('events')
  @Access('billing.operate')
  @ListEnvelope('events')
  @ApiPage(WebhookEventResponse)
  @ApiOperation({ summary: 'List received events, newest first' })
  async list(@Query() query: WebhookEventQuery): Promise<Page<WebhookEventResponse>> {
    const page = await this.webhooks.list(query.state ?? null, pageRequest(query));
    return page.map((row) => WebhookEventResponse.from(row));
  }

  @Post('events/:id/replay')
  @HttpCode(200)
  @Access('billing.operate')
  @ApiOperation({ summary: 'Handle an event again, a dead one too' })
  async replay(@Param('id') id: string): Promise<WebhookEventResponse> {
    return WebhookEventResponse.from(await this.webhooks.replay(id));
  }
}
