import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { parseCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Environment } from '../../../platform/config/environment.js';
import { ActsOnGet, ApiFails, IdParam } from '../../../platform/http/index.js';
import { Public } from '../../../platform/security/index.js';
import { SessionResponse } from '../auth.dto.js';
import { sessionResponse } from '../auth.mapper.js';
import { httpOnlyCookie, socketCookie } from '../cookies.js';
import { OidcLoginQuery } from './oidc.dto.js';
import { OidcSignInService, SIGN_IN_SECONDS } from './oidc-sign-in.service.js';
import { publicBase } from './public-base.js';

/** Ties a sign-in to the browser that began it: nobody can be signed in by a link that another one made. */
const BROWSER_COOKIE = 'veloflux_oidc';

@ApiTags('Single sign-on')
@Controller('api/auth/oidc/:tenant_id')
export class OidcSignInController {
  constructor(
    private readonly signIn: OidcSignInService,
    private readonly environment: Environment,
  ) {}

  @Get('login')
  @ActsOnGet()
  @Public()
  @ApiResponse({ status: 302, description: 'To the provider' })
  @ApiResponse({
    status: 200,
    description: 'Not used: the answer is the redirect',
    content: { 'text/html': { schema: { type: 'string' }, example: '' } },
  })
  @ApiOperation({ summary: 'Begin to sign in through the tenant’s provider' })
  async login(
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Query() query: OidcLoginQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const path = `/api/auth/oidc/${tenantId}`;
    const { url, browserToken } = await this.signIn.begin(
      tenantId,
      `${publicBase(this.environment, request)}${path}/callback`,
      query.browser_challenge,
    );
    if (browserToken) reply.header('set-cookie', this.cookie(browserToken, path, SIGN_IN_SECONDS));
    reply.status(302).header('location', url);
  }

  @Get('callback')
  @ActsOnGet()
  @Public()
  @ApiQuery({ name: 'code', required: false, example: 'SplxlOBeZQQYbYS6WxSbIA' })
  @ApiQuery({ name: 'state', required: false, example: 'af0ifjsldkj' })
  @ApiQuery({ name: 'iss', required: false, example: 'https://auth.example.com' })
  @ApiQuery({
    name: 'browser_verifier',
    required: false,
    description: 'What `browser_challenge` of the login was made from',
    example: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  })
  @ApiFails(401, 403)
  @ApiOperation({
    summary: 'Where the provider sends people back: answers with a session, as a sign-in does',
  })
  async callback(
    @IdParam('tenant', 'tenant_id') tenantId: string,
    @Req() request: FastifyRequest,
    @Headers('user-agent') userAgent: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionResponse> {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const token =
      query.get('browser_verifier') ?? parseCookie(request.headers.cookie ?? '')[BROWSER_COOKIE] ?? null;
    query.delete('browser_verifier');
    const signedIn = await this.signIn.complete(tenantId, query, token, userAgent ?? null);
    reply.header('set-cookie', [
      this.cookie('', `/api/auth/oidc/${tenantId}`, 0),
      socketCookie(this.environment, signedIn.tokens.accessToken, signedIn.tokens.expiresIn),
    ]);
    return sessionResponse(signedIn);
  }

  /** Lax: the provider's redirect is a navigation from another site. */
  private cookie(value: string, path: string, seconds: number): string {
    return httpOnlyCookie(this.environment, {
      name: BROWSER_COOKIE,
      value,
      path,
      seconds,
      sameSite: 'lax',
    });
  }
}
