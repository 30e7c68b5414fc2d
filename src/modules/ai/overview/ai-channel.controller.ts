import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Channels, WebSocketEndpoint } from '../../../platform/realtime/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { AiAnomalyFrame, AiFrame, AiTrainingFrame } from './ai-frames.dto.js';

/** The address of the channel `ai`; a gateway serves what asks for an upgrade. */
@ApiTags('Live channels')
@Controller('api/ws/ai')
export class AiChannelController {
  constructor(private readonly channels: Channels) {}

  @Get()
  @Access('ai.read')
  @WebSocketEndpoint('Follow the models, trainings and anomalies', AiFrame, AiTrainingFrame, AiAnomalyFrame)
  ai(@CurrentUser() user: Principal): Promise<AiFrame> {
    return this.channels.current('ai', user);
  }
}
