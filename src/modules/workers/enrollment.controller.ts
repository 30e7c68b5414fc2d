import { Body, Controller, Delete, Get, HttpCode, Ip, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiOperation, ApiTags, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { durationMs } from '../../common/durations.js';
import type { Page } from '../../common/pagination.js';
import { ApiPage, IdParam, ListEnvelope, PageQuery, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal, Public } from '../../platform/security/index.js';
import {
  EnrollmentTokenResponse,
  EnrollWorkerRequest,
  EnrollWorkerResponse,
  IssuedEnrollmentTokenResponse,
  IssueEnrollmentTokenRequest,
} from './enrollment.dto.js';
import { EnrollmentService } from './enrollment.service.js';

const DEFAULT_LIFETIME = '24h';

@ApiTags('Cluster AI: workers')
@Controller(['api/workers', 'workers'])
export class EnrollmentController {
  constructor(private readonly enrollment: EnrollmentService) {}

  @Post('enrollment-tokens')
  @Access('workers.write')
  @ApiOperation({ summary: 'Issue a token with which one machine can become a worker' })
  async issue(
    @CurrentUser() user: Principal,
    @Body() body: IssueEnrollmentTokenRequest,
  ): Promise<IssuedEnrollmentTokenResponse> {
    const { token, row } = await this.enrollment.issue({
      description: body.description ?? '',
      createdBy: user.email,
      lifetimeMs: durationMs(body.expires_in ?? DEFAULT_LIFETIME),
    });
    return IssuedEnrollmentTokenResponse.issued(row, token);
  }

  @Get('enrollment-tokens')
  @Access('workers.write')
  @ListEnvelope('enrollment_tokens')
  @ApiPage(EnrollmentTokenResponse, 'Newest first, without the tokens themselves')
  @ApiOperation({ summary: 'List enrolment tokens' })
  async list(@Query() query: PageQuery): Promise<Page<EnrollmentTokenResponse>> {
    return (await this.enrollment.list(pageRequest(query))).map(EnrollmentTokenResponse.from);
  }

  @Delete('enrollment-tokens/:id')
  @HttpCode(204)
  @Access('workers.write')
  @ApiConflictResponse({ description: 'A worker enrolled with it already' })
  @ApiOperation({ summary: 'Revoke an enrolment token' })
  async revoke(@IdParam('enrollment') id: string): Promise<void> {
    await this.enrollment.revoke(id);
  }

  @Post('enroll')
  @Public()
  @ApiUnauthorizedResponse({ description: 'The token is unknown, used, revoked or expired' })
  @ApiConflictResponse({ description: 'A worker of this name is at work; the token can still be used' })
  @ApiOperation({ summary: 'Trade a one-time token for a worker’s credential; for agents' })
  enroll(@Body() body: EnrollWorkerRequest, @Ip() address: string): Promise<EnrollWorkerResponse> {
    return this.enrollment.enroll(body, address);
  }
}
