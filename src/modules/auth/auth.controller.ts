import { Body, Controller, Get, Headers, HttpCode, Post, Put, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { unauthorized } from '../../common/errors.js';
import { Environment } from '../../platform/config/environment.js';
import { ActsOnGet, ApiFails } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal, Public } from '../../platform/security/index.js';
import {
  ChangePasswordRequest,
  ChangePasswordResponse,
  CsrfResponse,
  LoginRequest,
  LogoutResponse,
  MeResponse,
  RefreshRequest,
  RegisterRequest,
  RegisterResponse,
  SessionResponse,
} from './auth.dto.js';
import { meResponse, sessionResponse } from './auth.mapper.js';
import { AuthService, type SignedIn } from './auth.service.js';
import { socketCookie } from './cookies.js';
import { PasswordGuard } from './password.strategy.js';
import { SessionsService } from './sessions.service.js';

@ApiTags('Authentication')
@Controller(['api/auth', 'auth'])
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly sessions: SessionsService,
    private readonly environment: Environment,
  ) {}

  @Post('login')
  @HttpCode(200)
  @Public()
  @UseGuards(PasswordGuard)
  @ApiBody({ type: LoginRequest })
  @ApiFails(401, 403, 423)
  @ApiOperation({ summary: 'Sign in by user name or e-mail address' })
  login(
    @Req() request: FastifyRequest & { user: SignedIn },
    @Res({ passthrough: true }) reply: FastifyReply,
  ): SessionResponse {
    return this.answer(reply, request.user);
  }

  @Post('register')
  @Public()
  @ApiFails(403, 404, 409)
  @ApiOperation({ summary: 'Register a person, with a tenant of their own or in one that invited them' })
  async register(
    @Body() body: RegisterRequest,
    @Headers('user-agent') userAgent: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegisterResponse> {
    const signedIn = await this.auth.register(body, userAgent ?? null);
    const response = this.answer(reply, signedIn);
    return { ...response, user_id: response.user.user_id, tenant_id: response.user.tenant_id };
  }

  @Post('refresh')
  @HttpCode(200)
  @Public()
  @ApiFails(401, 403)
  @ApiOperation({
    summary: 'Get a new access token for a refresh token or a still valid access token',
    description:
      'A refresh token is good for one use: the answer carries the next one. Using one twice ends the session.',
  })
  async refresh(
    @Body() body: RefreshRequest,
    @Headers('authorization') authorization: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionResponse> {
    const credential = body.refresh_token ?? /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (!credential) throw unauthorized('A refresh token or access token is required');
    return this.answer(reply, await this.auth.refresh(credential));
  }

  @Get('logout')
  @ActsOnGet()
  @Access('profile.read')
  @ApiOperation({ summary: 'Sign out: ends the session and its refresh token at once' })
  logout(
    @CurrentUser() user: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LogoutResponse> {
    return this.end(user, reply);
  }

  @Post('logout')
  @HttpCode(200)
  @Access('profile.read')
  @ApiOperation({ summary: 'Sign out: ends the session and its refresh token at once (POST form)' })
  logoutPost(
    @CurrentUser() user: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LogoutResponse> {
    return this.end(user, reply);
  }

  @Get('me')
  @Access('profile.read')
  @ApiOperation({ summary: 'Who is signed in' })
  async me(@CurrentUser() user: Principal): Promise<MeResponse> {
    return meResponse(await this.auth.account(user), user);
  }

  @Get('csrf-token')
  @Access('profile.read')
  @ApiOperation({ summary: 'A one-time token that opens the dashboard WebSocket `/ws/{client_id}`' })
  async csrfToken(@CurrentUser() user: Principal): Promise<CsrfResponse> {
    const { token, expiresIn } = await this.sessions.issueCsrf(user);
    return { csrf_token: token, expires_in: expiresIn };
  }

  @Put('password')
  @Access('profile.write')
  @ApiOperation({ summary: 'Change your password; your other sessions end' })
  async changePassword(
    @CurrentUser() user: Principal,
    @Body() body: ChangePasswordRequest,
  ): Promise<ChangePasswordResponse> {
    await this.auth.changePassword(user, body.current_password, body.new_password);
    return { success: true, message: 'Password changed; your other sessions have ended' };
  }

  private async end(user: Principal, reply: FastifyReply): Promise<LogoutResponse> {
    await this.auth.logout(user);
    reply.header('set-cookie', socketCookie(this.environment, '', 0));
    return { success: true, message: 'Signed out' };
  }

  private answer(reply: FastifyReply, signedIn: SignedIn): SessionResponse {
    reply.header(
      'set-cookie',
      socketCookie(this.environment, signedIn.tokens.accessToken, signedIn.tokens.expiresIn),
    );
    return sessionResponse(signedIn);
  }
}
