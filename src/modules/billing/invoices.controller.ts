import { Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Page } from '../../common/pagination.js';
import { ApiPage, IdParam, ListEnvelope, pageRequest } from '../../platform/http/index.js';
import { Access, CurrentUser, type Principal } from '../../platform/security/index.js';
import { INVOICE_PAGE_POLICY, invoicePage } from './invoice-page.js';
import { InvoiceListQuery, InvoiceQuery, InvoiceResponse } from './invoices.dto.js';
import { InvoicesService } from './invoices.service.js';

@ApiTags('Billing: invoices')
@Controller('api/billing/invoices')
export class InvoicesController {
  constructor(private readonly invoices: InvoicesService) {}

  @Get()
  @Access('billing.read')
  @ListEnvelope('invoices')
  @ApiPage(InvoiceResponse)
  @ApiOperation({ summary: 'List the tenant’s invoices, newest first' })
  async list(
    @CurrentUser() user: Principal,
    @Query() query: InvoiceListQuery,
  ): Promise<Page<InvoiceResponse>> {
    const { status, subscription_id } = query;
    const filter = { ...(status && { status }), ...(subscription_id && { subscription_id }) };
    const page = await this.invoices.list(user.tenantId, pageRequest(query), filter);
    return page.map((i) => InvoiceResponse.from(i));
  }

  @Get(':id')
  @Access('billing.read')
  @ApiOkResponse({
    content: {
      'application/json': { schema: { $ref: getSchemaPath(InvoiceResponse) } },
      'text/html': { schema: { type: 'string' }, example: '<!doctype html>…' },
    },
  })
  @ApiExtraModels(InvoiceResponse)
  @ApiOperation({
    summary: 'Read an invoice, as JSON or as a page to print',
    description: '`?format=html`, or `Accept: text/html`, gives the page.',
  })
  async get(
    @CurrentUser() user: Principal,
    @IdParam('invoice') id: string,
    @Query() query: InvoiceQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<InvoiceResponse | string> {
    const { invoice, customer } = await this.invoices.get(user.tenantId, id);
    const asPage = query.format ? query.format === 'html' : prefersHtml(request.headers.accept);
    reply.header('vary', 'Accept, Authorization');
    if (!asPage) return InvoiceResponse.from(invoice);
    reply.type('text/html; charset=utf-8').header('content-security-policy', INVOICE_PAGE_POLICY);
    return invoicePage(invoice, customer);
  }

  @Post(':id/pay')
  @HttpCode(200)
  @Access('billing.operate')
  @ApiOperation({ summary: 'Note that an invoice of the built-in billing was paid' })
  async pay(@IdParam('invoice') id: string): Promise<InvoiceResponse> {
    return InvoiceResponse.from(await this.invoices.markPaid(id));
  }
}

/** A browser names text/html before anything; programs name JSON or nothing. */
const prefersHtml = (accept = ''): boolean => {
  const types = accept.split(',').map((type) => type.split(';')[0]!.trim());
  const html = types.indexOf('text/html');
  const json = types.indexOf('application/json');
  return html >= 0 && (json < 0 || html < json);
};
