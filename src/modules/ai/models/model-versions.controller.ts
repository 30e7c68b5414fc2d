import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page } from '../../../common/pagination.js';
import {
  ApiFails,
  ApiPage,
  IdParam,
  ListEnvelope,
  PageQuery,
  pageRequest,
} from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import { ModelVersionResponse } from './model-versions.dto.js';
import { ModelVersionsService } from './model-versions.service.js';

@ApiTags('AI: models')
@Controller('api/ai/models/:model_type/versions')
export class ModelVersionsController {
  constructor(private readonly versions: ModelVersionsService) {}

  @Get()
  @Access('ai.read')
  @ApiFails(404)
  @ListEnvelope('versions')
  @ApiPage(ModelVersionResponse)
  @ApiOperation({ summary: 'List the trained versions of a built-in model, newest first' })
  list(
    @CurrentUser() user: Principal,
    @Param('model_type') model: string,
    @Query() query: PageQuery,
  ): Promise<Page<ModelVersionResponse>> {
    return this.versions.list(user.tenantId, model, pageRequest(query));
  }

  @Post(':id/serve')
  @HttpCode(200)
  @Access('ai.write')
  @ApiFails(404)
  @ApiOperation({
    summary: 'Go back to a version, or on to one that was not served',
    description: 'It answers until a training makes a better one, or any after a day.',
  })
  serve(
    @CurrentUser() user: Principal,
    @Param('model_type') model: string,
    @IdParam('model') id: string,
  ): Promise<ModelVersionResponse> {
    return this.versions.serve(user.tenantId, model, id);
  }
}
