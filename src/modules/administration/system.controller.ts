import { Controller, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { durationMs } from '../../common/durations.js';
import { ApiFails } from '../../platform/http/index.js';
import { Access } from '../../platform/security/index.js';
import { DrainQuery, DrainResponse, UndrainQuery } from './system.dto.js';
import { SystemService } from './system.service.js';

@ApiTags('Cluster')
@Controller('api/system')
export class SystemDrainController {
  constructor(private readonly system: SystemService) {}

  @Post('drain')
  @HttpCode(200)
  @Access('system.write')
  @ApiFails(404)
  @ApiOperation({
    summary: 'Take a node out of service',
    description:
      'Its health turns 503, WebSockets get 1001, every answer ends its connection; what it has in hand is finished. Then it can be stopped.',
  })
  drain(@Query() query: DrainQuery): Promise<DrainResponse> {
    return this.system.drain(query.node, durationMs(query.deadline ?? '10s'));
  }

  @Post('undrain')
  @HttpCode(200)
  @Access('system.write')
  @ApiFails(404)
  @ApiOperation({ summary: 'Take a node back into service' })
  undrain(@Query() query: UndrainQuery): Promise<DrainResponse> {
    return this.system.undrain(query.node);
  }
}
