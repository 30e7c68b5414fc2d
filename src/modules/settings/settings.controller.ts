import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/security/index.js';
import { SettingsResponse, UpdateSettingsRequest, UpdateSettingsResponse } from './settings.dto.js';
import { SettingsService } from './settings.service.js';

@ApiTags('Cluster AI: settings')
@Controller(['api/settings', 'settings'])
export class SettingsController {
  constructor(private readonly settings: SettingsService) {}

  @Get()
  @Access('settings.read')
  @ApiOperation({ summary: 'Read the settings of the installation' })
  read(): SettingsResponse {
    return this.settings.current;
  }

  @Post()
  @HttpCode(200)
  @Access('settings.write')
  @ApiOperation({ summary: 'Change some or all settings of the installation' })
  async update(@Body() body: UpdateSettingsRequest): Promise<UpdateSettingsResponse> {
    return { message: 'Settings updated successfully', settings: await this.settings.update(body) };
  }
}
