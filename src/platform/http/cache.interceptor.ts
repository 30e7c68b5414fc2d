import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { type Observable, of, tap } from 'rxjs';
import { contextOf } from './request-context.js';

const SECONDS = 'veloflux:cache-seconds';

/** Keeps answers in this process for the seconds that the document names, one entry a tenant, role and address. */
@Injectable()
export class CacheInterceptor implements NestInterceptor {
  private readonly entries = new LRUCache<string, { value: unknown }>({ max: 2000, ttl: 1 });

  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const seconds = this.reflector.get<number>(SECONDS, context.getHandler());
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const principal = contextOf(request).principal;
    const query = request.url.split('?')[1] ?? '';
    const key = `${principal?.tenantId} ${principal?.role} ${context.getClass().name}.${context.getHandler().name} ${JSON.stringify(request.params)} ${query} ${request.headers['x-api-version'] ?? ''}`;
    reply.header('cache-control', `private, max-age=${seconds}`);
    reply.header('vary', 'Authorization');
    const bypass = /no-cache|no-store/.test(request.headers['cache-control'] ?? '');
    const hit = bypass ? undefined : this.entries.get(key);
    if (hit) {
      reply.header('x-cache', 'HIT');
      return of(hit.value);
    }
    reply.header('x-cache', 'MISS');
    return next.handle().pipe(tap((value) => this.entries.set(key, { value }, { ttl: seconds * 1000 })));
  }
}

/** The answer may be up to this old. `Cache-Control: no-cache` in the request asks for a fresh one. */
export const Cached = (seconds: number) =>
  applyDecorators(
    SetMetadata(SECONDS, seconds),
    UseInterceptors(CacheInterceptor),
    ApiHeader({
      name: 'Cache-Control',
      required: false,
      description: `Answers may be ${seconds} s old; \`no-cache\` asks for a fresh one. X-Cache says HIT or MISS.`,
    }),
  );
