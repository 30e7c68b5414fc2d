import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiFails, ListEnvelope } from '../../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import {
  DeployModelRequest,
  ModelResponse,
  ModelUndeployedResponse,
  UpdateModelRequest,
} from './models.dto.js';
import { ModelsService } from './models.service.js';

@ApiTags('AI: models')
@Controller('api/ai/models')
export class ModelsController {
  constructor(private readonly models: ModelsService) {}

  @Get()
  @Access('ai.read')
  @ListEnvelope('models')
  @ApiOperation({ summary: 'List the built-in models and your deployments' })
  list(@CurrentUser() user: Principal): Promise<ModelResponse[]> {
    return this.models.list(user.tenantId);
  }

  @Post(['', 'deploy'])
  @Access('ai.write')
  @ApiOperation({
    summary: 'Deploy a model; one whose weights are nowhere is `unavailable`, with the reason',
  })
  deploy(@CurrentUser() user: Principal, @Body() body: DeployModelRequest): Promise<ModelResponse> {
    return this.models.deploy(user.tenantId, body);
  }

  @Get(':id')
  @Access('ai.read')
  @ApiOperation({ summary: 'Read a model, by id or name' })
  get(@CurrentUser() user: Principal, @Param('id') id: string): Promise<ModelResponse> {
    return this.models.get(user.tenantId, id);
  }

  @Put(':id')
  @Access('ai.write')
  @ApiFails(409)
  @ApiOperation({ summary: 'Change a deployment; its availability is looked at again' })
  update(
    @CurrentUser() user: Principal,
    @Param('id') id: string,
    @Body() body: UpdateModelRequest,
  ): Promise<ModelResponse> {
    return this.models.update(user.tenantId, id, body);
  }

  @Delete(':id')
  @HttpCode(200)
  @Access('ai.write')
  @ApiFails(409)
  @ApiOperation({ summary: 'Undeploy a model' })
  async undeploy(@CurrentUser() user: Principal, @Param('id') id: string): Promise<ModelUndeployedResponse> {
    return { model: 'undeployed', id: await this.models.undeploy(user.tenantId, id) };
  }
}
