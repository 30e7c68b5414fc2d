import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Channels, WebSocketEndpoint } from '../../platform/realtime/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { BillingFrame } from './billing-frame.dto.js';

/** The address of the channel `billing`; a gateway serves what asks for an upgrade. */
@ApiTags('Live channels')
@Controller('api/ws/billing')
export class BillingChannelController {
  constructor(private readonly channels: Channels) {}

  @Get()
  @Access('billing.read')
  @WebSocketEndpoint('Follow the usage of the billing period and its cost, every 5 s', BillingFrame)
  billing(@CurrentUser() user: Principal): Promise<BillingFrame> {
    return this.channels.current('billing', user);
  }
}
