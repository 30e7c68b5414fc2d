import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mergeMap, type Observable } from 'rxjs';
import { AppError, invalidField, unavailable } from '../../common/errors.js';
import { APPLIES_CONFIGURATION, requestContext } from '../../platform/http/index.js';
import { type NodeRow, NodesService } from '../cluster/index.js';
import { DataPlaneService } from './dataplane.service.js';

const WAIT_MS = 5000;
/** A pass takes milliseconds, so that a client nearly always finds its change in effect when it has the answer. */
const LOCAL_WAIT_MS = 200;

/**
 * Tells the writer which configuration version contains the change (`X-Config-Version`). The answer waits a moment for
 * this node; with `?wait=applied` it comes only when every live node carries traffic with the change: saved but not
 * applied never looks like success.
 */
@Injectable()
export class AppliedInterceptor implements NestInterceptor {
  constructor(
    private readonly nodes: NodesService,
    private readonly dataPlane: DataPlaneService,
    private readonly reflector: Reflector,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const { wait, ...others } = (request.query ?? {}) as Record<string, unknown>;
    const documented = this.reflector.get<string | undefined>(APPLIES_CONFIGURATION, execution.getHandler());
    if (documented && wait !== undefined && wait !== 'applied')
      throw invalidField('wait', 'isIn', 'wait must be applied, or absent');
    const [unknown] = documented === 'only wait' ? Object.keys(others) : [];
    if (unknown) throw invalidField(unknown, 'whitelist', `property ${unknown} should not exist`);
    const reply = execution.switchToHttp().getResponse<FastifyReply>();
    const context = requestContext();
    return next.handle().pipe(
      mergeMap(async (value) => {
        const version = context?.configVersion;
        if (version === undefined) return value;
        reply.header('x-config-version', version);
        await this.dataPlane.caughtUp(version, LOCAL_WAIT_MS);
        if (wait === 'applied') await this.requireApplied(version, context?.principal?.tenantId);
        return value;
      }),
    );
  }

  /** Every node runs the version, and with it this tenant's part: of a part that is refused the last good one goes on. */
  private async requireApplied(version: number, tenantId = ''): Promise<void> {
    const result = await this.nodes.waitApplied(version, WAIT_MS);
    const refusal = this.dataPlane.refusalOf(tenantId);
    if (refusal)
      throw unavailable(
        'CONFIG_NOT_APPLIED',
        `The change is saved as version ${version}, but it cannot be carried out: ${refusal}`,
      );
    if (result.applied) return;
    const details = result.nodes.map((node) => ({
      field: node.name,
      constraint: 'applied',
      message: why(node),
    }));
    throw new AppError(
      503,
      'CONFIG_NOT_APPLIED',
      `The change is saved as version ${version}, but not every node carries traffic with it yet: ${details.map((d) => d.message).join('; ')}`,
      { details, retryAfterSeconds: 1 },
    );
  }
}

const why = (node: NodeRow): string =>
  `${node.name} runs version ${node.applied_version}${node.apply_error ? ` (${node.apply_error})` : ''}`;
