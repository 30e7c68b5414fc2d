import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { ProfileResponse, UpdateProfileRequest } from './auth.dto.js';
import { profileResponse } from './auth.mapper.js';
import { AuthService } from './auth.service.js';

@ApiTags('Authentication')
@Controller('api/profile')
export class ProfileController {
  constructor(private readonly auth: AuthService) {}

  @Get()
  @Access('profile.read')
  @ApiOperation({ summary: 'Read your profile' })
  async read(@CurrentUser() user: Principal): Promise<ProfileResponse> {
    return profileResponse(await this.auth.account(user), user);
  }

  @Put()
  @Access('profile.write')
  @ApiOperation({ summary: 'Change your name' })
  async update(@CurrentUser() user: Principal, @Body() body: UpdateProfileRequest): Promise<ProfileResponse> {
    return profileResponse(await this.auth.rename(user, body), user);
  }
}
