import { Controller, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { durationMs } from '../../common/durations.js';
import { Access } from '../../platform/security/index.js';
import { DrainService } from './drain.service.js';
import { DrainQuery, DrainResponse } from './system.dto.js';

const DEFAULT_DEADLINE = '10s';

@ApiTags('Administration')
@Controller('api/system')
export class SystemController {
  constructor(private readonly node: DrainService) {}

  @Post('drain')
  @HttpCode(200)
  @Access('system.write')
  @ApiOperation({ summary: 'Take this node out of service and wait until nothing is in flight' })
  drain(@Query() query: DrainQuery): Promise<DrainResponse> {
    return this.node.drain(durationMs(query.deadline ?? DEFAULT_DEADLINE));
  }

  @Post('undrain')
  @HttpCode(200)
  @Access('system.write')
  @ApiOperation({ summary: 'Put this node back into service' })
  undrain(): Promise<DrainResponse> {
    return this.node.undrain();
  }
}
