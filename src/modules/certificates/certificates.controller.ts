import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Page } from '../../common/pagination.js';
import {
  ApiCreates,
  ApiIfMatch,
  ApiPage,
  AppliesConfiguration,
  IdParam,
  IfMatch,
  ListEnvelope,
  pageRequest,
  sendEtag,
} from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import type { CertificateRow } from './certificate.js';
import {
  CertificateListQuery,
  CertificateResponse,
  CreateCertificateRequest,
  ReplaceCertificateRequest,
} from './certificates.dto.js';
import { CertificatesService } from './certificates.service.js';

@ApiTags('Certificates')
@Controller('api/certificates')
export class CertificatesController {
  constructor(private readonly certificates: CertificatesService) {}

  @Get()
  @Access('certificates.read')
  @ListEnvelope('certificates')
  @ApiPage(CertificateResponse)
  @ApiOperation({ summary: 'List the TLS certificates of your hosts' })
  async list(
    @CurrentUser() user: Principal,
    @Query() query: CertificateListQuery,
  ): Promise<Page<CertificateResponse>> {
    const page = await this.certificates.list(user.tenantId, { host: query.host }, pageRequest(query));
    return page.map(CertificateResponse.from);
  }

  @Post()
  @Access('certificates.write')
  @ApiCreates()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Upload a TLS certificate, or order one that is renewed automatically' })
  async create(
    @CurrentUser() user: Principal,
    @Body() body: CreateCertificateRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CertificateResponse> {
    return answer(await this.certificates.create(user.tenantId, body), reply);
  }

  @Get(':id')
  @Access('certificates.read')
  @ApiOperation({ summary: 'Read a certificate, without its key' })
  async get(
    @CurrentUser() user: Principal,
    @IdParam('cert') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CertificateResponse> {
    return answer(await this.certificates.get(user.tenantId, id), reply);
  }

  @Put(':id')
  @Access('certificates.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Replace an uploaded certificate; no request fails meanwhile' })
  async replace(
    @CurrentUser() user: Principal,
    @IdParam('cert') id: string,
    @Body() body: ReplaceCertificateRequest,
    @IfMatch() ifMatch: number[] | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CertificateResponse> {
    return answer(await this.certificates.replace(user.tenantId, id, body, ifMatch), reply);
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('certificates.write')
  @ApiIfMatch()
  @AppliesConfiguration()
  @ApiOperation({ summary: 'Delete a certificate with its key' })
  async delete(
    @CurrentUser() user: Principal,
    @IdParam('cert') id: string,
    @IfMatch() ifMatch: number[] | null,
  ): Promise<void> {
    await this.certificates.delete(user.tenantId, id, ifMatch);
  }

  @Post(':id/renew')
  @HttpCode(202)
  @Access('certificates.write')
  @ApiOperation({ summary: 'Order an automatic certificate anew, at once' })
  async renew(
    @CurrentUser() user: Principal,
    @IdParam('cert') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CertificateResponse> {
    return answer(await this.certificates.renew(user.tenantId, id), reply);
  }
}

function answer(row: CertificateRow, reply: FastifyReply): CertificateResponse {
  sendEtag(reply, row.version);
  return CertificateResponse.from(row);
}
