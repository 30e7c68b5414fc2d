import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { PERMISSIONS, type Permission, ROLES, roleAllows } from '../../common/permissions.js';
import { contextOf } from '../http/request-context.js';
import type { Principal } from './principal.js';

export const ACCESS = 'veloflux:access';
export type AccessPolicy = { kind: 'public' } | { kind: 'permission'; permission: Permission };

/** The endpoint needs a credential whose role has the permission. Documents itself in Swagger. */
export const Access = (permission: Permission) =>
  applyDecorators(
    SetMetadata(ACCESS, { kind: 'permission', permission } satisfies AccessPolicy),
    ApiBearerAuth(),
    ApiSecurity('api_key'),
    ApiExtension('x-permission', permission),
    ApiExtension(
      'x-roles',
      ROLES.filter((role) => roleAllows(role, permission)),
    ),
    ApiExtension('x-least-role', PERMISSIONS[permission]),
  );

/** The endpoint answers without a credential, or checks one of its own kind (a signature, a one-time token). */
export const Public = () =>
  applyDecorators(
    SetMetadata(ACCESS, { kind: 'public' } satisfies AccessPolicy),
    ApiExtension('x-public', true),
  );

/** The endpoint is not counted by the rate limits. */
export const UNLIMITED = 'veloflux:unlimited';
export const Unlimited = () => SetMetadata(UNLIMITED, true);

/** Parameter decorator: who calls. Only on endpoints with `@Access`. */
export const CurrentUser = createParamDecorator(
  (_: unknown, execution: ExecutionContext): Principal =>
    principalOf(execution.switchToHttp().getRequest<FastifyRequest>()),
);

/** @throws Error when the request is not authenticated: a mistake in the program, not of the client */
function principalOf(request: FastifyRequest): Principal {
  const { principal } = contextOf(request);
  if (!principal) throw new Error('no principal: the endpoint lacks @Access');
  return principal;
}
