import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  UseInterceptors,
} from '@nestjs/common';
import { INTERCEPTORS_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import { ApiHeader, ApiOkResponse, ApiPropertyOptional } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { Page } from '../../common/pagination.js';
import { IsQueryCount, IsTime, MayBeAbsent } from './validators.js';

export class PageQuery {
  @IsQueryCount('Page, from 1', 1_000_000, 1)
  page?: number;

  @IsQueryCount('Items a page', 200, 50)
  limit?: number;
}

/** Items in pages, of a stretch of time. */
export class TimeRangeQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'At or after this time', example: '2026-06-19T00:00:00Z' })
  @MayBeAbsent()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ description: 'Before this time', example: '2026-06-20T00:00:00Z' })
  @MayBeAbsent()
  @IsTime()
  to?: string;
}

/** The bounds that were given. */
export const timeRange = ({ from, to }: TimeRangeQuery): { from?: Date; to?: Date } => ({
  ...(from !== undefined && { from: new Date(from) }),
  ...(to !== undefined && { to: new Date(to) }),
});

const DEFAULT_LIMIT = 50;
/** The page that was asked for; the first when none was. */
export const pageRequest = (query: PageQuery, defaultLimit = DEFAULT_LIMIT) => ({
  page: query.page ?? 1,
  limit: query.limit ?? defaultLimit,
});

const ENVELOPE = 'veloflux:envelope';

/** Attached where a list is answered, not everywhere: each interceptor costs a request what a guard and a half do. */
const paged: MethodDecorator = (target, name, descriptor) => {
  const attached: unknown[] | undefined = Reflect.getMetadata(
    INTERCEPTORS_METADATA,
    descriptor.value as object,
  );
  if (!attached?.includes(PageInterceptor)) UseInterceptors(PageInterceptor)(target, name, descriptor);
};

/** Name of the list in the v1.0 form, which `X-API-Version: 1.0` asks for: `{"pools": […]}`. */
export const ListEnvelope = (name: string) =>
  applyDecorators(
    SetMetadata(ENVELOPE, name),
    paged,
    ApiHeader({
      name: 'X-API-Version',
      required: false,
      description: `\`1.0\` wraps the list as \`{"${name}": […]}\``,
    }),
  );

/** Documents a list: an array of `item` with its headers. */
export const ApiPage = (item: new (...args: never[]) => object, description = 'One page of the list') =>
  applyDecorators(
    paged,
    ApiOkResponse({
      type: [item],
      description,
      headers: {
        'X-Total-Count': { description: 'Number of all items', schema: { type: 'integer', example: 1 } },
        Link: { description: 'Other pages (RFC 8288)', schema: { type: 'string' } },
      },
    }),
  );

/** Sends a {@link Page} as a JSON array with `X-Total-Count` and `Link` (RFC 8288), or in the v1.0 envelope. */
@Injectable()
class PageInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const envelope = this.reflector.get<string | undefined>(ENVELOPE, context.getHandler());
    return next.handle().pipe(
      map((value) => {
        if (!(value instanceof Page) && !(envelope && Array.isArray(value))) return value;
        const items = value instanceof Page ? value.items : value;
        if (value instanceof Page) {
          reply.header('x-total-count', value.total);
          const link = linkHeader(request.url, value);
          if (link) reply.header('link', link);
        }
        return envelope && request.headers['x-api-version'] === '1.0' ? { [envelope]: items } : items;
      }),
    );
  }
}

function linkHeader(url: string, page: Page<unknown>): string {
  const last = Math.max(1, Math.ceil(page.total / page.limit));
  const to = (n: number, rel: string) => {
    const target = new URL(url, 'http://localhost');
    target.searchParams.set('page', String(n));
    target.searchParams.set('limit', String(page.limit));
    return `<${target.pathname}${target.search}>; rel="${rel}"`;
  };
  const links = [to(1, 'first')];
  if (page.page > 1) links.push(to(Math.min(page.page - 1, last), 'prev'));
  if (page.page < last) links.push(to(page.page + 1, 'next'));
  return [...links, to(last, 'last')].join(', ');
}
