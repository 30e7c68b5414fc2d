import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ThrottlerStorage } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HOUR_MS, MINUTE_MS } from '../../common/durations.js';
import { AppError } from '../../common/errors.js';
import { Environment } from '../config/environment.js';
import { contextOf } from '../http/request-context.js';
import { UNLIMITED } from './access.js';

interface Limit {
  name: string;
  key: string;
  limit: number;
  windowMs: number;
}

/**
 * Counts a caller's requests: by session with a token, by address without. The headers show the window that has the
 * fewest requests left (draft-ietf-httpapi-ratelimit-headers' names with X-, reset as Unix time in seconds).
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    private readonly environment: Environment,
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    if (execution.getType() !== 'http') return true;
    if (this.reflector.getAllAndOverride(UNLIMITED, [execution.getHandler(), execution.getClass()]))
      return true;
    const context = contextOf(execution.switchToHttp().getRequest<FastifyRequest>());
    const limits = this.limitsFor(context.principal?.sessionId, context.address).filter((l) => l.limit > 0);
    if (!limits.length) return true;
    const counts = await Promise.all(limits.map((l) => this.count(l)));
    const tightest = counts.reduce((a, b) => (b.remaining < a.remaining ? b : a));
    const reply = execution.switchToHttp().getResponse<FastifyReply>();
    reply.header('X-RateLimit-Limit', tightest.limit);
    reply.header('X-RateLimit-Remaining', Math.max(0, tightest.remaining));
    reply.header('X-RateLimit-Reset', Math.ceil((Date.now() + tightest.resetMs) / 1000));
    if (tightest.remaining < 0)
      throw new AppError(429, 'RATE_LIMITED', `Too many requests: ${tightest.limit} a ${tightest.name}`, {
        retryAfterSeconds: Math.max(1, Math.ceil(tightest.resetMs / 1000)),
      });
    return true;
  }

  private limitsFor(session: string | undefined, address: string): Limit[] {
    const env = this.environment;
    if (!session)
      return [
        {
          name: 'minute without a token',
          key: `anonymous:${address}`,
          limit: env.RATE_LIMIT_ANONYMOUS_PER_MINUTE,
          windowMs: MINUTE_MS,
        },
      ];
    return [
      {
        name: 'minute',
        key: `minute:${session}`,
        limit: env.RATE_LIMIT_AUTHENTICATED_PER_MINUTE,
        windowMs: MINUTE_MS,
      },
      { name: 'hour', key: `hour:${session}`, limit: env.RATE_LIMIT_TOKEN_PER_HOUR, windowMs: HOUR_MS },
    ];
  }

  private async count(limit: Limit) {
    const hit = await this.storage.increment(limit.key, limit.windowMs, limit.limit, 0, limit.name);
    return {
      name: limit.name,
      limit: limit.limit,
      remaining: limit.limit - hit.totalHits,
      resetMs: hit.timeToExpire * 1000,
    };
  }
}
