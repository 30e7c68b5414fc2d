import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { ComparisonResponse } from './comparison.dto.js';
import { ComparisonService } from './comparison.service.js';

@ApiTags('AI: overview')
@Controller('api/ai/algorithm-comparison')
export class ComparisonController {
  constructor(private readonly comparison: ComparisonService) {}

  @Get()
  @Access('ai.read')
  @ApiOperation({ summary: 'Compare the balancing algorithms on your recorded traffic' })
  compare(@CurrentUser() user: Principal): Promise<ComparisonResponse> {
    return this.comparison.compare(user.tenantId);
  }
}
