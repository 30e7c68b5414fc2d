import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiFails, IdParam } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal, Public } from '../../platform/security/index.js';
import {
  ChangePasswordResponse,
  ForgotPasswordRequest,
  PasswordResetResponse,
  ResetPasswordRequest,
} from './auth.dto.js';
import { PasswordResets } from './password-resets.service.js';

@ApiTags('Authentication')
@Controller(['api/auth/password', 'auth/password'])
export class PasswordResetsController {
  constructor(private readonly resets: PasswordResets) {}

  @Post('forgot')
  @HttpCode(202)
  @Public()
  @ApiFails(409)
  @ApiOperation({
    summary: 'Have a token mailed with which a forgotten password is reset',
    description: 'The answer is the same whether there is an account or not. Needs SMTP_URL.',
  })
  async forgot(@Body() body: ForgotPasswordRequest): Promise<ChangePasswordResponse> {
    await this.resets.mail(body.email);
    return {
      success: true,
      message: 'If there is an account with this address, a token is on its way to it',
    };
  }

  @Post('reset')
  @HttpCode(200)
  @Public()
  @ApiOperation({ summary: 'Set a new password with a token; all sessions end, a lock is lifted' })
  async reset(@Body() body: ResetPasswordRequest): Promise<ChangePasswordResponse> {
    await this.resets.complete(body.token, body.new_password);
    return { success: true, message: 'Password set; sign in with it' };
  }
}

@ApiTags('Tenants: users')
@Controller('api/tenants/:tenant_id/users/:user_id/password-reset')
export class MemberPasswordResetsController {
  constructor(private readonly resets: PasswordResets) {}

  @Post()
  @Access('users.write')
  @ApiFails(409)
  @ApiOperation({
    summary: 'Issue a token with which a person sets a new password',
    description:
      'For somebody who forgot theirs or is locked out; the old password works until the token is used. Only for people of at most your role, who work in this tenant only.',
  })
  async issue(
    @CurrentUser() user: Principal,
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @IdParam('user', 'user_id') userId: string,
  ): Promise<PasswordResetResponse> {
    const { token, expiresAt } = await this.resets.issue(user, tenantId, userId);
    return { reset_token: token, expires_at: expiresAt.toISOString() };
  }
}
