import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, type Observable, of, switchMap } from 'rxjs';
import { AppError } from '../../common/errors.js';
import { requestContext } from '../../platform/http/index.js';
import { NodesService } from '../cluster/index.js';

const WAIT_MS = 5000;

/**
 * A write answers with the configuration version that contains it, and with `?wait=applied` only when every live node
 * carries traffic with it: saved but not applied never looks like success.
 */
@Injectable()
export class AppliedInterceptor implements NestInterceptor {
  constructor(private readonly nodes: NodesService) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    return next.handle().pipe(
      switchMap((value) => {
        const version = requestContext()?.configVersion;
        if (version === undefined) return of(value);
        context.switchToHttp().getResponse<FastifyReply>().header('x-config-version', version);
        const query = context.switchToHttp().getRequest<FastifyRequest>().query as { wait?: unknown };
        return query.wait === 'applied' ? from(this.whenApplied(version, value)) : of(value);
      }),
    );
  }

  private async whenApplied<T>(version: number, value: T): Promise<T> {
    const behind = await this.nodes.waitApplied(version, WAIT_MS);
    if (!behind.length) return value;
    const names = behind.map((n) => n.name).join(', ');
    throw new AppError(503, 'CONFIG_NOT_APPLIED', `Saved as version ${version}, but not in effect yet on ${names}`, {
      retryAfterSeconds: 2,
      details: behind.map((n) => ({
        field: n.name,
        constraint: 'applied',
        message: `runs version ${n.applied_version}${n.apply_error ? `: ${n.apply_error}` : ''}`,
      })),
    });
  }
}
