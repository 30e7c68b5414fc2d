import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { forbidden, invalidField, unauthorized } from '../../common/errors.js';
import { isId } from '../../common/ids.js';
import { contextOf, type RequestContext } from '../http/request-context.js';
import { ACCESS, type AccessPolicy } from './access.js';
import { headerCredential } from './header-credential.js';
import { Authenticator, type Principal, requirePermission } from './principal.js';

const FAILURE = Symbol('authentication failure');
type Failing = FastifyRequest & { [FAILURE]?: unknown };

/**
 * Finds out who calls. A wrong credential is remembered, not refused yet: the rate limit that runs next must count
 * the attempt as an anonymous one.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    if (execution.getType() !== 'http') return true;
    const request = execution.switchToHttp().getRequest<Failing>();
    const context = contextOf(request);
    const credential = headerCredential(request.headers);
    if (credential === null || policyOf(this.reflector, execution)?.kind !== 'permission') return true;
    try {
      const principal = await this.authenticator.authenticate(credential);
      setPrincipal(context, await this.inNamedTenant(principal, request.headers['x-tenant-id']));
    } catch (e) {
      request[FAILURE] = e;
    }
    return true;
  }

  /** A superadmin may work inside another tenant by naming it; for others the header changes nothing. */
  private async inNamedTenant(principal: Principal, header: unknown): Promise<Principal> {
    if (principal.role !== 'superadmin' || header === undefined) return principal;
    if (typeof header !== 'string' || !isId('tenant', header))
      throw invalidField('X-Tenant-Id', 'id', 'X-Tenant-Id must be a tenant id');
    // Without this, lists would be empty and nobody would know why.
    if (!(await this.authenticator.knowsTenant(header)))
      throw invalidField('X-Tenant-Id', 'exists', `X-Tenant-Id must be a tenant's; there is no ${header}`);
    return { ...principal, tenantId: header };
  }
}

function setPrincipal(context: RequestContext, principal: Principal): void {
  context.principal = principal;
  context.actor = { id: principal.userId, name: principal.email };
}

const policyOf = (reflector: Reflector, execution: ExecutionContext) =>
  reflector.getAllAndOverride<AccessPolicy | undefined>(ACCESS, [
    execution.getHandler(),
    execution.getClass(),
  ]);

/** Closed by default: an endpoint without a stated policy is refused to everybody. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(execution: ExecutionContext): boolean {
    if (execution.getType() !== 'http') return true;
    const policy = policyOf(this.reflector, execution);
    if (policy?.kind === 'public') return true;
    const request = execution.switchToHttp().getRequest<Failing>();
    if (request[FAILURE]) throw request[FAILURE];
    const { principal } = contextOf(request);
    if (!principal) throw unauthorized();
    if (!policy) throw forbidden('This endpoint has no access policy');
    requirePermission(principal, policy.permission);
    return true;
  }
}
