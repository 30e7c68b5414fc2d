import { Body, Controller, Get, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import {
  AiConfigQuery,
  AiConfigResponse,
  AiConfigSectionResponse,
  UpdateAiConfigRequest,
} from './ai-config.dto.js';
import { AiConfigService } from './ai-config.service.js';

@ApiTags('AI: configuration')
@Controller('api/ai/config')
export class AiConfigController {
  constructor(private readonly config: AiConfigService) {}

  @Get(['', 'detailed'])
  @Access('ai.read')
  @ApiOperation({ summary: 'Read the AI settings, or one section of them' })
  read(@CurrentUser() user: Principal, @Query() query: AiConfigQuery): Promise<AiConfigSectionResponse> {
    return this.config.section(user.tenantId, query.section);
  }

  @Put(['', 'update'])
  @Access('ai.configure')
  @ApiOperation({ summary: 'Change AI settings' })
  update(@CurrentUser() user: Principal, @Body() body: UpdateAiConfigRequest): Promise<AiConfigResponse> {
    return this.config.update(user.tenantId, body);
  }
}
