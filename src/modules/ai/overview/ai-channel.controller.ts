import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { upgradeRequired, WebSocketEndpoint } from '../../../platform/realtime/index.js';
import { Access } from '../../../platform/security/index.js';
import { AiAnomalyFrame, AiFrame, AiTrainingFrame } from './ai-frames.dto.js';

/** The address of the channel `ai`; a gateway serves what asks for an upgrade. */
@ApiTags('Live channels')
@Controller('api/ws/ai')
export class AiChannelController {
  @Get()
  @Access('ai.read')
  @WebSocketEndpoint('Follow the models, trainings and anomalies', AiFrame, AiTrainingFrame, AiAnomalyFrame)
  ai(): never {
    throw upgradeRequired();
  }
}
